#include "dataset/sample_head.hpp"

#include "dataset/dataset_directory.hpp"
#include "disk/json_object.hpp"
#include "disk/key_text.hpp"
#include "exit_code.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/error.hpp>

#include <cstddef>
#include <cstdio>
#include <string_view>

#include <simdjson.h>

namespace dataset {
namespace {

using simulate::grouped;

/// UTF-8 without control characters but line ends and tabs.
bool is_text(std::string_view content) { return simdjson::validate_utf8(content) && simulate::printable(content) == content; }

/// The front of a text; characters are not cut.
std::string_view front_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

std::string hex_lines(std::string_view content) {
  constexpr std::size_t width = 16;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string lines;
  for (std::size_t at = 0; at < content.size(); at += width) {
    const std::string_view part = content.substr(at, width);
    for (int shift = 28; shift >= 0; shift -= 4) lines += digits[at >> shift & 15];
    lines += ' ';
    for (std::size_t i = 0; i < width; ++i) {
      if (i % 8 == 0) lines += ' ';
      lines += i < part.size() ? disk::hexadecimal(part.substr(i, 1)) + " " : "   ";
    }
    lines += " |";
    for (const char c : part) lines += c >= ' ' && c <= '~' ? c : '.';
    lines += "|\n";
  }
  return lines;
}

void print_text(std::string_view content, std::size_t most) {
  const std::string_view front = front_of(content, most);
  std::string text = simulate::printable(front);
  if (text.empty() || text.back() != '\n') text += '\n';
  std::fputs(text.c_str(), stdout);
  if (front.size() < content.size()) std::printf("... %s more bytes\n", grouped(content.size() - front.size()).c_str());
}
void print_hex(std::string_view content, std::size_t most) {
  std::fputs(hex_lines(content.substr(0, most)).c_str(), stdout);
  if (content.size() > most) std::printf("... %s more bytes\n", grouped(content.size() - most).c_str());
}

}  // namespace

int print_head(const head_options& options) {
  dataset_directory directory(options.directory);
  const dataset_manifest of = directory.get(options.name);
  constexpr std::size_t most_text = 4096;
  constexpr std::size_t most_hex = 256;
  const auto most = [&](std::size_t usual) { return options.most == 0 ? usual : static_cast<std::size_t>(options.most); };

  std::uint64_t printed = 0;
  std::uint64_t absent = 0;
  std::uint64_t number = 0;
  const char* separator = "\n";
  if (options.json) std::fputs("[", stdout);
  for (const auto& shard : of.shards) {
    if (options.skip >= number && options.skip - number >= shard.samples) {
      number += shard.samples;
      continue;
    }
    for (std::uint64_t i = options.skip > number ? options.skip - number : 0; i < shard.samples && printed < options.count;
         ++i, ++printed) {
      const std::uint64_t global = number + i;
      const read_value value = directory.read(sample_id(shard.key, i));
      absent += value.content ? 0 : 1;
      const bool text =
          value.content && (options.as == shown_as::text || (options.as == shown_as::automatic && is_text(value.text())));
      if (options.json) {
        disk::json_object one;
        one.add("sample", global);
        if (!value.content) {
          one.member("bytes", "null").add("why", value.why);
        } else {
          const std::string_view front = text ? front_of(value.text(), most(most_text)) : value.text().substr(0, most(most_hex));
          one.add("bytes", value.text().size()).add(text ? "text" : "hex", text ? std::string(front) : disk::hexadecimal(front));
          one.add("cut", front.size() < value.text().size());
        }
        std::printf("%s%s", separator, one.text().c_str());
        separator = ",\n";
        continue;
      }
      if (options.as == shown_as::raw) {
        if (!value.content)
          larder::core::fail(larder::error_cause::io, "data set \"" + name_text(of.name) + "\", sample " + grouped(global) +
                                                          ": " + (value.is_missing ? "the cache does not have it" : value.why) +
                                                          "; cache the data set again, or pass over it with --skip");
        const std::string_view all =
            value.text().substr(0, options.most == 0 ? std::string_view::npos : static_cast<std::size_t>(options.most));
        std::fwrite(all.data(), 1, all.size(), stdout);
        continue;
      }
      std::printf("%s--- sample %s, ", printed == 0 ? "" : "\n", grouped(global).c_str());
      if (!value.content) {
        std::printf("%s\n", value.is_missing ? "missing: the cache does not have it" : ("damaged: it " + value.why).c_str());
        continue;
      }
      std::printf("%s\n", (grouped(value.text().size()) + (value.text().size() == 1 ? " byte" : " bytes")).c_str());
      if (text)
        print_text(value.text(), most(most_text));
      else
        print_hex(value.text(), most(most_hex));
    }
    number += shard.samples;
    if (printed == options.count) break;
  }
  if (options.json) std::fputs(printed == 0 ? "]\n" : "\n]\n", stdout);
  std::fflush(stdout);
  if (printed == 0 && options.skip >= of.samples)
    std::fprintf(stderr, "no sample: there are %s, and --skip passes over %s\n", grouped(of.samples).c_str(),
                 grouped(options.skip).c_str());
  return absent == 0 ? tools::exit_code::done : tools::exit_code::failed;
}

}  // namespace dataset
