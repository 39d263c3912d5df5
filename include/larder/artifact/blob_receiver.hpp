#pragma once

#include <larder/artifact/blob_landing.hpp>
#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/partial_file.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::artifacts {

/// What all receivers of a blob do: the head of an answer is compared with what is known.
class blob_receiver : public fetch_receiver {
 public:
  struct started_anew {};  // the file is another one than it was
  struct ranges_are_ignored {};

  blob_receiver(blob_landing& landing, std::stop_token stop) : landing_(landing), stop_(std::move(stop)) {}
  void total(std::uint64_t size) final { total_ = size; }
  void version(std::string_view tag) final {
    if (!tag.empty()) version_ = digest_of(tag);
  }
  const std::stop_token& stop() const noexcept final { return stop_; }
  void throw_if_broken() const {
    if (changed_) throw started_anew{};
    if (ignored_) throw ranges_are_ignored{};
  }

 protected:
  ~blob_receiver() = default;
  void stop_if_asked() const {
    if (stop_.stop_requested())
      core::fail(error_cause::cancelled, "the transfer of " + landing_.subject() + " was given up because a stop was requested");
  }
  void check_head() {
    if (landing_.wanted().size && total_ && *total_ != *landing_.wanted().size)
      core::fail(error_cause::corruption, landing_.subject() + " has " + std::to_string(*total_) + " bytes and should have " +
                                              std::to_string(*landing_.wanted().size));
    if (!landing_.file().started()) return;
    const bool same = (!total_ || *total_ == landing_.file().size()) &&
                      (landing_.wanted().digest || !version_ || *version_ == landing_.file().version());
    if (same) return;
    changed_ = true;
    throw_if_broken();
  }

  blob_landing& landing_;
  std::stop_token stop_;
  std::optional<std::uint64_t> total_;
  std::optional<digest> version_;
  bool changed_ = false;
  bool ignored_ = false;
};

}  // namespace larder::artifacts
