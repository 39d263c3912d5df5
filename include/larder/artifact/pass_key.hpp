#pragma once

// The id of what a pass makes: the SHA-256 of the canonical JSON of what it depends on. The input's id is that of the pass before, so an id
// stands for the whole chain up to it, and all ids of a chain are known before anything is looked up.

#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/pass.hpp>
#include <larder/core/error.hpp>
#include <larder/format/canonical_json.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

/// An id, and the text that it is the digest of.
struct pass_key {
  std::string id;           ///< 64 hexadecimal digits; people see the first 8
  std::string text;         ///< canonical JSON
  bool is_private = false;  ///< something that cannot be written down is in it or in what it builds on: never shared

  friend bool operator==(const pass_key&, const pass_key&) = default;
};

namespace artifacts {

inline constexpr std::size_t short_id_size = 8;

inline std::string short_id(std::string_view id) { return std::string(id.substr(0, short_id_size)); }

/// Whether a text is an id as `pass_key` has them.
inline bool is_pass_id(std::string_view text) noexcept {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

inline std::string id_of_text(std::string_view text) { return digest_of(text, digest_algorithm::sha256).hex(); }

inline std::string lower_pass_name(const std::string& name) {
  std::string lower;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F)
      core::fail(error_cause::invalid_argument,
                 "a pass cannot be called " + format::printable_name(name) +
                     "; its name is ASCII without spaces, so that every program agrees on its lower case");
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (lower.empty()) core::fail(error_cause::invalid_argument, "a pass has no name; give it one");
  return lower;
}

/// One member of an object that is being written: `, "name": `.
inline void begin_member(std::string& out, std::string_view name) {
  if (out.back() != '{') out += ", ";
  format::append_canonical_text(out, name);
  out += ": ";
}

}  // namespace artifacts

/// The key of a pass on a model. Throws `larder::error` (invalid_argument) for a name or a configuration that cannot be.
inline pass_key key_of_pass(std::string_view input_model_id, const pass& step,
                            const std::optional<opaque_attribute>& input_opaque = {}) {
  pass_key key;
  std::string& out = key.text;
  out = "{";
  artifacts::begin_member(out, "accelerator_spec");
  if (step.accelerator && !step.accelerator_agnostic)
    format::append_canonical_text(out, *step.accelerator);
  else
    out += "null";
  artifacts::begin_member(out, "input_model_id");
  format::append_canonical_text(out, input_model_id);
  if (input_opaque) {
    artifacts::begin_member(out, "input_opaque");
    format::append_canonical_text(out, input_opaque->mark());
  }
  if (step.opaque) {
    artifacts::begin_member(out, "opaque");
    format::append_canonical_text(out, step.opaque->mark());
  }
  artifacts::begin_member(out, "pass_config");
  out += format::canonical_json(step.config, "the configuration of the pass " + format::printable_name(step.name));
  artifacts::begin_member(out, "pass_name");
  format::append_canonical_text(out, artifacts::lower_pass_name(step.name));
  out += "}";
  key.id = artifacts::id_of_text(out);
  key.is_private = input_opaque || step.opaque;
  return key;
}

/// The keys of a chain, in its order.
inline std::vector<pass_key> keys_of_chain(const pass_input& input, std::span<const pass> chain) {
  std::vector<pass_key> keys;
  keys.reserve(chain.size());
  for (const pass& step : chain) {
    keys.push_back(keys.empty() ? key_of_pass(input.id(), step, input.opaque()) : key_of_pass(keys.back().id, step));
    if (keys.size() > 1 && keys[keys.size() - 2].is_private) keys.back().is_private = true;
  }
  return keys;
}

/// The key of an evaluation: of a model, by an evaluator's configuration (JSON).
inline pass_key key_of_evaluation(const pass_key& model, std::string_view evaluator) {
  pass_key key;
  key.text = "{";
  artifacts::begin_member(key.text, "evaluator_config");
  key.text += format::canonical_json(evaluator, "the configuration of the evaluator");
  artifacts::begin_member(key.text, "model_id");
  format::append_canonical_text(key.text, model.id);
  key.text += "}";
  key.id = artifacts::id_of_text(key.text);
  key.is_private = model.is_private;
  return key;
}

}  // namespace larder
