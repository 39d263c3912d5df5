#pragma once

#include <larder/core/time.hpp>

#include <cstdint>

namespace larder {

/// What a put does when a `write_back` tier owes as much as it may.
enum class full_queue : std::uint8_t {
  wait,  ///< until enough of it is written
  drop_oldest,  ///< lets the oldest values go unwritten: the tier then has no value for their keys until it takes one, and they are counted
};

/// How a `write_back` tier keeps what it still has to write.
struct write_back_options {
  std::uint64_t most_bytes =
      std::uint64_t{256}
      << 20U;  ///< of values; one that is larger waits alone, and with `drop_oldest` the value that is just being written comes on top
  duration flush_deadline = std::chrono::seconds(5);  ///< how long the destructor goes on writing; what is left then is dropped
  full_queue when_full = full_queue::wait;
};

}  // namespace larder
