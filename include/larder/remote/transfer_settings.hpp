#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/byte_budget.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace larder {

/// How a store moves what is too large for one request.
struct transfer_settings {
  std::size_t streams = 4;        ///< requests side by side for one object, 1 to 256
  std::size_t most_threads = 16;  ///< for all objects of the store, beside the callers' own
  std::uint64_t first_request = (std::uint64_t{8} << 20U) +
                                (std::uint64_t{64} << 10U);  ///< bytes: what a look-up asks for; 64 KiB are for the entry's head
  std::uint64_t part_size =
      std::uint64_t{8}
      << 20U;  ///< bytes of an upload's parts, where the protocol does not say (`azure::block_size`, `s3::part_size`); more where they would be too many
  unsigned barren_tries =
      3;  ///< requests in a row that bring nothing until a transfer that has begun fails; pauses between tries are the transport's
  std::shared_ptr<remote::byte_budget>
      budget{};  ///< of what is on its way at once; share one among all stores of a process. None: 256 MiB of its own

  /// Throws `larder::error` for numbers that cannot work.
  void check() const {
    const auto refuse = [](const std::string& what) { core::fail(error_cause::invalid_argument, "transfer_settings: " + what); };
    if (streams == 0 || streams > 256) refuse("streams is " + std::to_string(streams) + "; set 1 to 256");
    if (first_request < 4096) refuse("first_request is " + std::to_string(first_request) + " bytes; set at least 4096");
    if (part_size < 4096) refuse("part_size is " + std::to_string(part_size) + " bytes; set at least 4096");
    if (barren_tries == 0) refuse("barren_tries is 0; set at least 1");
  }
};

}  // namespace larder

namespace larder::remote {

/// Whether a request of a transfer that failed so is one of its `barren_tries`; any other failure ends the transfer.
inline bool may_be_repeated(const error& failure) noexcept {
  const error_cause cause = failure.cause();
  return cause == error_cause::network || cause == error_cause::timeout || cause == error_cause::server;
}

}  // namespace larder::remote
