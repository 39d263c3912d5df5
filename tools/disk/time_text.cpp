#include "disk/time_text.hpp"

#include "simulate/number_text.hpp"

#include <larder/core/error.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <system_error>
#include <utility>

namespace disk {
namespace {

struct parts {
  std::time_t seconds;
  long nanoseconds;
};
parts parts_of(larder::instant moment) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(moment);
  return {static_cast<std::time_t>(seconds.count()), static_cast<long>((moment - seconds).count())};
}
std::string formatted(const char* format, const std::tm& time) {
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &time)};
}

using unit = std::pair<std::string_view, std::int64_t>;  // in seconds
constexpr std::array<unit, 5> units{{{"w", 604'800}, {"d", 86'400}, {"h", 3'600}, {"min", 60}, {"s", 1}}};

}  // namespace

std::string local_time(larder::instant moment) {
  const std::time_t seconds = parts_of(moment).seconds;
  std::tm time{};
  ::localtime_r(&seconds, &time);
  return formatted("%Y-%m-%d %H:%M:%S", time);
}

std::string utc_time(larder::instant moment) {
  const parts of = parts_of(moment);
  std::tm time{};
  ::gmtime_r(&of.seconds, &time);
  std::string fraction = std::to_string(of.nanoseconds);
  fraction.insert(0, 9 - fraction.size(), '0');
  return formatted("%Y-%m-%dT%H:%M:%S", time) + "." + fraction + "Z";
}

std::string span_text(larder::duration span) {
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  for (const auto& [name, length] : units)
    if (seconds >= length && name != "w") return std::to_string(seconds / length) + " " + std::string(name);
  return "0 s";
}

std::string distance_text(larder::instant moment, larder::instant now) {
  const bool past = moment <= now;
  const auto between = [](larder::instant later, larder::instant earlier) {  // times can be anything that somebody's clock says
    return earlier.count() < 0 && later.count() > INT64_MAX + earlier.count() ? larder::duration::max() : later - earlier;
  };
  const larder::duration span = past ? between(now, moment) : between(moment, now);
  if (span < std::chrono::seconds(1)) return "now";
  return past ? span_text(span) + " ago" : "in " + span_text(span);
}

larder::duration parse_span(std::string_view text, std::string_view option) {
  const auto refuse = [&](const std::string& why) {
    throw larder::error(larder::error_cause::invalid_argument, std::string(option) + ": \"" + std::string(text) + "\" " + why +
                                                                   "; write a number and s, min, h, d or w, such as 30d");
  };
  std::int64_t count = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (code == std::errc::result_out_of_range) refuse("is too long");
  if (code != std::errc() || count < 0) refuse("is not a time");
  const std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [known, length] : units)
    if (name == known || (known == "min" && name == "m")) {
      std::int64_t nanoseconds = 0;
      if (__builtin_mul_overflow(count, length * 1'000'000'000, &nanoseconds)) refuse("is too long");
      return larder::duration{nanoseconds};
    }
  refuse(name.empty() ? "has no unit" : "has the unknown unit \"" + std::string(name) + "\"");
  return {};
}

}  // namespace disk
