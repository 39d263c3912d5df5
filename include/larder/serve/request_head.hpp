#pragma once

// The head of an HTTP/1.1 request, read strictly: what two readers could understand in two ways is refused, since a proxy in front may be
// the other reader (RFC 9112, sections 2.2, 5.2 and 6.3). Only what a server without uploads acts upon is kept.

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace larder::serve {

/// How much of a head is read before it is refused.
struct request_limits {
  std::size_t line = std::size_t{8} << 10U;   ///< bytes of the first line
  std::size_t head = std::size_t{32} << 10U;  ///< bytes in all
  std::size_t fields = 100;
};

/// A whole head; its texts refer to the bytes that it was read from. A field that is not there is empty.
struct request_head {
  std::string_view method;
  std::string_view target;
  bool keeps_alive = true;  ///< the client wants to ask more on this connection
  bool has_body = false;    ///< something other than a request follows
  std::string_view range{};
  std::string_view if_range{};
  std::string_view if_match{};
  std::string_view if_none_match{};
  std::string_view authorization{};
  std::string_view host{};  ///< with its port; without data in HTTP/1.0 that says none
};

/// Finds where a head ends, in bytes that arrive in pieces. One object per request.
class head_scan {
 public:
  /// Looks at what is new in `bytes`, which begin with the head and only grow. 0, or the status of the refusal.
  int read(std::string_view bytes, const request_limits& limits) noexcept {
    while (end_ == 0) {
      const std::size_t found = bytes.find('\n', seen_);
      const std::size_t known = found == std::string_view::npos ? bytes.size() : found + 1;
      if (lines_ == 0 && known > limits.line) return 414;
      if (known > limits.head) return 431;
      if (found == std::string_view::npos) {
        seen_ = known;
        return 0;
      }
      if (found == line_ || bytes[found - 1] != '\r') return 400;  // a line ends with CR LF and not otherwise
      if (found == line_ + 1) {
        end_ = known;
      } else if (++lines_ > limits.fields + 1) {
        return 431;
      }
      seen_ = line_ = known;
    }
    return 0;
  }
  /// Bytes of the head, its empty line included; 0 as long as it is not whole.
  std::size_t end() const noexcept { return end_; }

 private:
  std::size_t seen_ = 0;  // so many bytes hold no end of a line that is not counted
  std::size_t line_ = 0;  // where the current line begins
  std::size_t lines_ = 0;
  std::size_t end_ = 0;
};

namespace request_rules {

inline constexpr std::array<bool, 256> token_characters = [] {
  std::array<bool, 256> is{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    is[static_cast<unsigned char>(c)] = true;
  return is;
}();
constexpr bool is_token(std::string_view text) noexcept {
  bool good = !text.empty();
  for (const char c : text) good = good && token_characters[static_cast<unsigned char>(c)];
  return good;
}
/// Equal but for the case of letters; `lower` has none in capitals.
constexpr bool is_same_word(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower[i]) return false;
  }
  return true;
}
constexpr bool is_field_text(std::string_view text) noexcept {
  unsigned bad = 0;  // without branches, for the compiler to do many at once
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    bad |= static_cast<unsigned>(byte < 0x20) & static_cast<unsigned>(byte != '\t');
    bad |= static_cast<unsigned>(byte == 0x7f);
  }
  return bad == 0;
}
constexpr bool is_target_text(std::string_view text) noexcept {
  unsigned bad = 0;
  for (const char c : text)
    bad |= static_cast<unsigned>(static_cast<unsigned char>(c) <= 0x20) |
           static_cast<unsigned>(static_cast<unsigned char>(c) >= 0x7f);
  return bad == 0;
}
constexpr std::string_view without_padding(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}
/// Takes the text up to the next CR LF, which is there.
constexpr std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}
/// Takes the element before the next comma of a list.
constexpr std::string_view take_element(std::string_view& list) noexcept {
  const std::size_t end = list.find(',');
  const std::string_view element = without_padding(list.substr(0, end));
  list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  return element;
}
/// Whether a text is a whole number, digits and nothing else, that fits.
inline bool read_number(std::string_view text, std::uint64_t& number) noexcept {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

}  // namespace request_rules

/// Reads a whole head, as `head_scan` found it. 0, or the status of the refusal, with which the connection ends.
inline int parse_head(std::string_view head, request_head& request) noexcept {
  using namespace request_rules;
  std::string_view line = take_line(head);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  request = {line.substr(0, first), line.substr(first + 1, last - first - 1)};
  const std::string_view version = line.substr(last + 1);
  if (!is_token(request.method) || request.target.empty() || !is_target_text(request.target)) return 400;
  if (!version.starts_with("HTTP/") || version.size() != 8) return 400;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return 505;
  const bool is_newer = version == "HTTP/1.1";
  request.keeps_alive = is_newer;

  bool has_host = false;
  bool has_length = false;
  struct kept {
    std::string_view name;
    std::string_view* value;
  };
  const std::array<kept, 5> wanted{{{"range", &request.range},
                                    {"if-range", &request.if_range},
                                    {"if-match", &request.if_match},
                                    {"if-none-match", &request.if_none_match},
                                    {"authorization", &request.authorization}}};
  for (line = take_line(head); !line.empty(); line = take_line(head)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return 400;  // also a line that continues another
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = without_padding(line.substr(colon + 1));
    if (!is_field_text(value)) return 400;
    if (is_same_word(name, "host")) {
      if (has_host) return 400;
      has_host = true;
      request.host = value;
    } else if (is_same_word(name, "content-length")) {
      std::uint64_t length = 0;
      if (has_length || !read_number(value, length)) return 400;
      has_length = true;
      if (length != 0) request.has_body = true;
    } else if (is_same_word(name, "transfer-encoding")) {
      return 400;  // nothing that this server takes has a body, and one of unknown length hides requests from a reader that does not know it
    } else if (is_same_word(name, "connection")) {
      for (std::string_view list = value; !list.empty();) {
        const std::string_view option = take_element(list);
        if (is_same_word(option, "close")) request.keeps_alive = false;
      }
    } else {
      for (const kept& field : wanted) {
        if (!is_same_word(name, field.name)) continue;
        if (field.value->data() != nullptr) return 400;  // said twice: which one holds is the reader's choice
        *field.value = value;
      }
    }
  }
  return is_newer && !has_host ? 400 : 0;
}

}  // namespace larder::serve
