#pragma once

// Names of files in packages, records and archives: from networks and from other systems, so that each is checked before it becomes a path.

#include <larder/core/error.hpp>
#include <larder/format/tensor_name.hpp>
#include <larder/format/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace larder {

inline constexpr std::size_t longest_file_name = 255;       ///< bytes of one part
inline constexpr std::size_t longest_relative_name = 1024;  ///< bytes of all parts and the '/' between them

namespace artifacts {

/// Whether Windows opens a device by this name: "nul", "COM1.txt", "con .x".
constexpr bool is_device_name(std::string_view part) noexcept {
  std::string_view stem = part.substr(0, part.find('.'));
  while (!stem.empty() && stem.back() == ' ') stem.remove_suffix(1);
  const auto is = [](std::string_view a, std::string_view lower) {
    return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                      [](char c, char l) { return (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) == l; });
  };
  for (const std::string_view device : {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"})
    if (is(stem, device)) return true;
  if (stem.size() < 4 || (!is(stem.substr(0, 3), "com") && !is(stem.substr(0, 3), "lpt"))) return false;
  const std::string_view number = stem.substr(3);
  const bool digit = number.size() == 1 && number[0] >= '0' && number[0] <= '9';
  return digit || number == "\u00B9" || number == "\u00B2" || number == "\u00B3";  // the superscripts count as digits there
}

/// Why a part may not be a file's name; empty when it may.
constexpr std::string_view file_name_fault(std::string_view part) noexcept {
  if (part.empty()) return "a part of it is empty";
  if (part == "." || part == "..") return "it has the part \".\" or \"..\"";
  if (part.size() > longest_file_name) return "a part of it is longer than 255 bytes";
  for (std::string_view rest = part; !rest.empty();) {
    const std::optional<char32_t> c = format::take_code_point(rest);
    if (!c) return "it is not UTF-8";
    if (*c < 0x20 || (*c >= 0x7F && *c < 0xA0)) return "it has a control character";
    if (*c == U'\\') return "it has a backslash; parts are divided by '/'";
    if (*c == U':') return "it has a colon, which some systems take for a drive or a stream";
  }
  if (part.back() == '.' || part.back() == ' ') return "a part of it ends with a dot or a space, which some systems drop";
  if (is_device_name(part)) return "a part of it is the name of a device on Windows";
  return {};
}

/// Why a text may not name a file below some folder; empty when it may.
constexpr std::string_view relative_name_fault(std::string_view name) noexcept {
  if (name.empty()) return "it is empty";
  if (name.front() == '/') return "it is absolute";
  if (name.size() > longest_relative_name) return "it is longer than 1024 bytes";
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (const std::string_view fault = file_name_fault(name.substr(begin, end - begin)); !fault.empty()) return fault;
    begin = end + 1;
  }
  return {};
}

[[noreturn, gnu::noinline, gnu::cold]] inline void refuse_name(std::string_view name, std::string_view subject,
                                                               std::string_view fault) {
  core::fail(error_cause::invalid_argument, std::string(subject) + " may not be called " + format::printable_name(name) + ": " +
                                                std::string(fault) + "; rename it where it comes from");
}

}  // namespace artifacts

/// Whether a text is a safe name of a file below some folder, on every system: parts with '/' between them, none of them empty, ".", "..", a name
/// of a device, or one that ends with a dot or a space; UTF-8 without control characters, backslashes and colons; 255 bytes a part, 1024 in all.
constexpr bool is_relative_name(std::string_view name) noexcept { return artifacts::relative_name_fault(name).empty(); }

/// The same for a name of one part.
constexpr bool is_file_name(std::string_view name) noexcept {
  return name.find('/') == std::string_view::npos && artifacts::file_name_fault(name).empty();
}

/// Throws `larder::error` (invalid_argument) when it is none, `subject` first: "a file of the package yolov8".
inline void check_relative_name(std::string_view name, std::string_view subject) {
  if (const std::string_view fault = artifacts::relative_name_fault(name); !fault.empty())
    artifacts::refuse_name(name, subject, fault);
}
inline void check_file_name(std::string_view name, std::string_view subject) {
  if (name.find('/') != std::string_view::npos) artifacts::refuse_name(name, subject, "it has a '/', and is to be one part");
  if (const std::string_view fault = artifacts::file_name_fault(name); !fault.empty())
    artifacts::refuse_name(name, subject, fault);
}

}  // namespace larder
