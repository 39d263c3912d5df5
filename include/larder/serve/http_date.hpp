#pragma once

#include <array>
#include <cstdio>
#include <ctime>
#include <string_view>

namespace larder::serve {

/// Writes the moment as the field `Date` has it (`Fri, 20 Nov 2026 16:45:57 GMT`), anew once a second. Not safe from many threads.
class http_date {
 public:
  /// Valid until the next call.
  std::string_view text(std::time_t now) noexcept {
    if (now == written_ && size_ != 0) return {text_.data(), size_};
    constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm at{};
    ::gmtime_r(&now, &at);
    const int n = std::snprintf(text_.data(), text_.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                days[static_cast<std::size_t>(at.tm_wday)], at.tm_mday,
                                months[static_cast<std::size_t>(at.tm_mon)], at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec);
    size_ = n < 0 ? 0 : static_cast<std::size_t>(n);
    written_ = now;
    return {text_.data(), size_};
  }

 private:
  std::time_t written_ = 0;
  std::size_t size_ = 0;
  std::array<char, 80> text_{};
};

}  // namespace larder::serve
