#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace larder::remote {

/// A protocol's client that takes large objects in parts, invisible until they are committed together. Called from many threads at once;
/// each throws `larder::error` as the other members of a client do.
///
/// * `begin_upload(name) -> std::string`: what this upload is called from now on.
/// * `put_part(name, id, index, bytes) -> std::string`: stores one part, counted from 0; what it is called at the commit. A part that is sent
///   twice counts once.
/// * `commit_upload(name, id, tags, mode) -> bool`: the parts, in order, become the object, visible at once and whole; false when
///   `create_only` found one there, and then nothing is left of the parts.
/// * `abort_upload(name, id) noexcept`: drops the parts, as far as that is possible.
template <class C>
concept part_uploading_client = requires(C client, const std::string_view name, const std::string& id, std::size_t index, std::span<const bytes> part,
                                         std::span<const std::string> tags, const put_mode mode) {
  { client.begin_upload(name) } -> std::same_as<std::string>;
  { client.put_part(name, id, index, part) } -> std::same_as<std::string>;
  { client.commit_upload(name, id, tags, mode) } -> std::same_as<bool>;
  { client.abort_upload(name, id) } noexcept;
};

}  // namespace larder::remote
