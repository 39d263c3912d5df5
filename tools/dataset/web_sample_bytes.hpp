#pragma once

#include <larder/core/bytes.hpp>
#include <larder/dataset/web_dataset.hpp>
#include <larder/format/json_text.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace dataset {

/// A sample of an archive as one run of bytes: a line of JSON, `{"key":"train/7","members":[{"name":"jpg","bytes":5120},...]}`, with a line
/// feed behind it, then the members' contents one behind the other. (The key and the names are as the archive has them, which may be no UTF-8.)
inline larder::bytes bytes_of_web_sample(const larder::web_sample& sample) {
  std::string head = "{\"key\":";
  larder::format::append_json_text(head, sample.key());
  head += ",\"members\":[";
  std::size_t size = 0;
  std::vector<larder::bytes> contents;
  for (const larder::web_member& member : sample) {
    head += (contents.empty() ? "{\"name\":" : ",{\"name\":");
    larder::format::append_json_text(head, member.extension);
    head += ",\"bytes\":" + std::to_string(member.content.size()) + "}";
    size += member.content.size();
    contents.push_back(member.content);
  }
  head += "]}\n";
  larder::mutable_bytes made(head.size() + size);
  std::byte* to = made.data();
  std::memcpy(to, head.data(), head.size());
  to += head.size();
  for (const larder::bytes& content : contents) {
    if (!content.empty()) std::memcpy(to, content.data(), content.size());
    to += content.size();
  }
  return std::move(made).freeze();
}

}  // namespace dataset
