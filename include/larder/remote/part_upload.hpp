#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace larder::remote {

/// A protocol's client that takes large objects in parts, invisible until they are committed together. Called from many
/// threads at once; each throws `larder::error` as the other members of a client do.
///
/// * `admits(name, size, mode, stop) -> bool`: whether an upload of so many bytes is worth its while: false when `create_only`
///   finds an object there, though the commit is what decides. Throws when so many could not be read back.
/// * `begin_upload(name) -> std::string`: what this upload is called from now on.
/// * `put_part(name, id, index, bytes, stop) -> std::string`: stores one part, counted from 0; what it is called at the commit. A
///   part that is sent twice counts once. A stop ends it at once.
/// * `commit_upload(name, id, tags, mode) -> bool`: the parts, in order, become the object, visible at once and whole; false when
///   `create_only` found one there, and then nothing is left of the parts.
/// * `abort_upload(name, id) noexcept`: drops the parts, as far as that is possible.
template <class C>
concept part_uploading_client =
    requires(C client, const std::string_view name, const std::string& id, std::size_t index, std::uint64_t size,
             std::span<const bytes> part, std::span<const std::string> tags, const put_mode mode, const std::stop_token& stop) {
  { client.admits(name, size, mode, stop) } -> std::same_as<bool>;
  { client.begin_upload(name) } -> std::same_as<std::string>;
  { client.put_part(name, id, index, part, stop) } -> std::same_as<std::string>;
  { client.commit_upload(name, id, tags, mode) } -> std::same_as<bool>;
  requires noexcept(client.abort_upload(name, id));
};

/// The content cut into parts of `size` bytes (at least 1), the last one of what is left: slices of the pieces, nothing is
/// copied. Of no content it is one part without bytes.
inline std::vector<std::vector<bytes>> parts_of(std::span<const bytes> content, std::uint64_t size) {
  std::vector<std::vector<bytes>> parts(1);
  std::uint64_t room = size;
  for (const bytes& piece : content)
    for (std::size_t at = 0; at < piece.size();) {
      if (room == 0) {
        parts.emplace_back();
        room = size;
      }
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(room, piece.size() - at));
      parts.back().push_back(piece.slice(at, n));
      at += n;
      room -= n;
    }
  return parts;
}

/// How an upload is cut: into parts of so many bytes, or larger ones where there would be more than `most`.
struct part_sizes {
  std::uint64_t size;
  std::uint64_t most;
};

/// Stores the content in parts, one after the other; false when `create_only` found an object there. Gives the upload up and
/// throws what the client throws, or `error_cause::cancelled` when a stop is requested.
template <part_uploading_client Client>
bool put_in_parts(Client& client, std::string_view name, std::span<const bytes> content, put_mode mode, const part_sizes& sizes,
                  const std::stop_token& stop = {}) {
  const std::uint64_t size = total_size(content);
  if (!client.admits(name, size, mode, stop)) return false;
  const std::uint64_t least = size / sizes.most + (size % sizes.most == 0 ? 0 : 1);
  const std::string id = client.begin_upload(name);
  try {
    std::vector<std::string> tags;
    for (const std::vector<bytes>& part : parts_of(content, std::max(sizes.size, least))) {
      if (stop.stop_requested()) core::fail(error_cause::cancelled, "an upload was given up because a stop was requested");
      tags.push_back(client.put_part(name, id, tags.size(), part, stop));
    }
    return client.commit_upload(name, id, tags, mode);
  } catch (...) {
    client.abort_upload(name, id);
    throw;
  }
}

}  // namespace larder::remote
