#pragma once

#include <larder/remote/http.hpp>

#include <chrono>

namespace support {

/// For what has to succeed, however busy the machine is.
inline constexpr larder::remote_timeouts patient{.connect = std::chrono::seconds(20),
                                                 .first_byte = std::chrono::seconds(20),
                                                 .stall = std::chrono::seconds(20),
                                                 .slowest = 1,
                                                 .total = std::chrono::seconds(60)};

}  // namespace support
