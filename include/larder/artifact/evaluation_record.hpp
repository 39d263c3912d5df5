#pragma once

#include <larder/artifact/pass_key.hpp>
#include <larder/artifact/record_text.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/format/json_object.hpp>
#include <larder/format/json_text.hpp>

#include <chrono>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace larder {

/// What an evaluator said of a model. May be anybody's, as a `pass_record` may.
struct evaluation_record {
  std::string id;
  std::string key;     ///< the text that the id is the digest of
  std::string model;   ///< the id of what was evaluated
  std::string result;  ///< JSON
  double seconds = 0;
  instant made{0};  ///< since 1970
  std::string workflow;

  friend bool operator==(const evaluation_record&, const evaluation_record&) = default;

  static constexpr std::string_view format = "larder evaluation 1";

  std::string text() const {
    using larder::format::append_json_text;
    std::string out = "{\"format\":\"" + std::string(format) + "\",\"id\":\"" + id + "\",\"key\":";
    append_json_text(out, key);
    out += ",\"model\":\"" + model + "\",\"result\":";
    append_json_text(out, result);
    out += ",\"seconds\":" + artifacts::seconds_text(seconds) +
           ",\"made\":" + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(made).count()) + ",\"workflow\":";
    append_json_text(out, workflow);
    return out + '}';
  }

  /// Throws `larder::error` (corruption) when it is none.
  static evaluation_record parse(std::string_view text) {
    const auto refuse = [](const std::string& why) {
      core::fail(error_cause::corruption, "not a valid record of an evaluation: " + why);
    };
    simdjson::dom::parser parser;
    const artifacts::record_object root(larder::format::parse_json_object(parser, std::as_bytes(std::span(text)), "it", refuse),
                                        refuse);
    if (root.text("format") != format) refuse("its format is not \"" + std::string(format) + "\"");
    evaluation_record made;
    made.id = root.text("id");
    made.key = root.text("key");
    made.model = root.text("model");
    if (!artifacts::is_pass_id(made.id) || !artifacts::is_pass_id(made.model)) refuse("its id or that of its model is none");
    made.result = root.text("result");
    made.seconds = root.real("seconds");
    made.made = root.moment("made");
    made.workflow = root.text("workflow");
    return made;
  }
};

}  // namespace larder
