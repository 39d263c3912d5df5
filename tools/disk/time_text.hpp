#pragma once

#include <larder/core/time.hpp>

#include <string>
#include <string_view>

namespace disk {

/// A moment in the time of day of this machine: `2026-11-28 04:02:17`.
std::string local_time(larder::instant moment);
/// The same for programs, in UTC and to the nanosecond: `2026-11-28T04:02:17.000000000Z`.
std::string utc_time(larder::instant moment);
/// In the largest unit of which there is one: `3 s`, `5 min`, `2 h`, `30 d`.
std::string span_text(larder::duration span);
/// How long ago, or how soon: `5 min ago`, `in 2 h`, `now`.
std::string distance_text(larder::instant moment, larder::instant now);

/// The time that a text such as `90s`, `15min`, `12h`, `30d` or `2w` says; throws `larder::error`, which names `option`, for others.
larder::duration parse_span(std::string_view text, std::string_view option);

}  // namespace disk
