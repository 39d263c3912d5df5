#pragma once

// What a chain of passes is made of, as its user says it.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/remote/random_mark.hpp>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder {

/// Stands for an attribute that cannot be written down, such as a callable: equal to its copies and to no other one, in this process alone.
/// What depends on it is never shared, and is found again only by who holds a copy.
class opaque_attribute {
 public:
  opaque_attribute() : mark_(remote::random_mark()) {}
  /// For a callable; one that is made for the same callable a second time is another one.
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, opaque_attribute>)
  explicit opaque_attribute(const F&) : opaque_attribute() {}

  const std::string& mark() const noexcept { return mark_; }
  friend bool operator==(const opaque_attribute&, const opaque_attribute&) = default;

 private:
  std::string mark_;
};

/// A step of a chain: what is to be done to the model that comes in.
struct pass {
  std::string name{};                        ///< ASCII; its case does not count
  std::string config = "{}";                 ///< JSON; neither spaces nor the order of keys count
  std::optional<std::string> accelerator{};  ///< what the pass makes the model for: "gpu-cuda"; nothing: for none
  bool accelerator_agnostic = false;         ///< makes the same for all of them, so that `accelerator` does not count
  std::optional<std::string> evaluator{};    ///< JSON: how what comes out is evaluated; nothing: it is not
  std::optional<opaque_attribute> opaque{};  ///< something in it cannot be written down
};

/// The model that a chain begins with.
class pass_input {
 public:
  /// Its id, which must differ where models differ: a content digest does. `files` is what the first pass gets to read.
  template <class Text>
    requires std::convertible_to<Text, std::string> pass_input(
        Text&& id, std::filesystem::path files = {}, std::optional<opaque_attribute> opaque = {})  // NOLINT: a text is one
        : id_(std::forward<Text>(id)), files_(std::move(files)), opaque_(std::move(opaque)) {
      if (id_.empty()) core::fail(error_cause::invalid_argument, "the input of a chain has an empty id; give its content digest");
    }

    const std::string& id() const noexcept { return id_; }
    const std::filesystem::path& files() const noexcept { return files_; }
    const std::optional<opaque_attribute>& opaque() const noexcept { return opaque_; }

   private:
    std::string id_;
    std::filesystem::path files_;
    std::optional<opaque_attribute> opaque_;
};

enum class failure_kind : std::uint8_t {
  permanent,  ///< the pass cannot do this to that model: kept until its time to live ends, if it has one, and shared
  transient,  ///< it may work later: kept here for its time to live
};

/// Thrown by a pass that failed in a way that is worth remembering: the same chain does not run it again meanwhile. Thrown again then.
class pass_failure : public error {
 public:
  explicit pass_failure(failure_kind kind, const std::string& message, std::optional<duration> time_to_live = {})
      : error(error_cause::load, message), kind_(kind), message_(message), time_to_live_(time_to_live) {
    if (time_to_live_ && time_to_live_->count() <= 0)
      core::fail(error_cause::invalid_argument,
                 "a pass_failure with a time to live of nothing; leave it out, or give a duration above zero");
  }

  failure_kind kind() const noexcept { return kind_; }
  const std::string& message() const noexcept { return message_; }
  const std::optional<duration>& time_to_live() const noexcept { return time_to_live_; }

 private:
  failure_kind kind_;
  std::string message_;
  std::optional<duration> time_to_live_;
};

}  // namespace larder
