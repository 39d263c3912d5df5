#include "dataset/value_reader.hpp"

#include <larder/codec/zstd.hpp>
#include <larder/format/chunk_checksums.hpp>
#include <larder/format/compressed_head.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>

namespace dataset {
namespace {

namespace storage = larder::storage;
using larder::format::compressed_head;
using larder::format::file_reference;

read_value refused(std::string why) { return {std::nullopt, std::move(why)}; }

std::string name_of(const larder::compressed_form& form) {
  const auto end = std::find(form.name.begin(), form.name.end(), '\0');
  return {form.name.begin(), end};
}

/// What was compressed, as it was before.
read_value decompressed(const larder::compressed_form& form, std::span<const std::byte> frame) {
  if (name_of(form) != larder::zstd::name)
    return refused("is compressed with \"" + name_of(form) + "\", which this command cannot undo");
  const larder::zstd::compressor zstd{larder::zstd{}};
  constexpr std::uint64_t largest = 0xffff'ffff;
  if (form.size == 0 || form.size > largest || !zstd.may_become(frame, form.size))
    return refused("has compressed content that is none of its size");
  std::vector<std::byte> made(static_cast<std::size_t>(form.size));
  if (!zstd.decompress(frame, made)) return refused("has compressed content that cannot be decompressed");
  return {std::move(made), {}};
}

}  // namespace

read_value value_reader::read(const disk::inspected_segment& in, const disk::inspected_record& record) {
  storage::segment_window& window = records_.window(in.number);
  if (!window) return refused("is not there: its segment's file is missing");
  const auto head = window.head(record.entry.unit);
  if (!head) return refused("has no head that a record may have");
  if (!head->is_right) return refused("has a head or a key that does not match its checksum");
  if (!head->is_known) return refused("was written by a later version");
  const larder::format::segment_record r = head->record;
  if (r.kind != record.entry.kind || r.id != record.entry.id) return refused("is another record than the footer says");
  if (larder::digest_of(head->key) != r.id) return refused("holds another key than its digest says");
  const std::uint64_t begin = in.place(record).offset() + r.payload_offset;
  const std::span<const std::byte> payload =
      window.read(begin, static_cast<std::size_t>(std::min<std::uint64_t>(r.payload_size, in.file_size)));
  if (payload.size() != r.payload_size) return refused("is cut off: its payload is not all there");
  if (larder::format::payload_checksum(payload.data(), payload.size(), r.id) != r.payload_checksum)
    return refused("has a payload that does not match its checksum");

  std::optional<larder::compressed_form> form;
  std::span<const std::byte> rest = payload;
  if (larder::format::is_compressed(r.kind)) {
    form = compressed_head::decode(payload);
    if (!form) return refused("is compressed and does not say how");
    rest = payload.subspan(compressed_head::encoded_size);
  }
  if (!larder::format::has_file(r.kind))
    return form ? decompressed(*form, rest) : read_value{std::vector<std::byte>(rest.begin(), rest.end()), {}};
  const auto reference = file_reference::decode(rest);
  if (!reference) return refused("has a reference to a file that is none");
  std::vector<std::byte> content;
  if (auto why = read_file(*reference, rest, content)) return refused(std::move(*why));
  return form ? decompressed(*form, content) : read_value{std::move(content), {}};
}

std::optional<std::string> value_reader::read_file(const file_reference& reference, std::span<const std::byte> sums_of,
                                                   std::vector<std::byte>& to) const {
  const std::string path = of_->path_of_value(reference.number);
  const std::string name = "entries/" + storage::value_files::name_of(reference.number);
  const storage::file_descriptor file = storage::open_file(path, O_RDONLY | O_NONBLOCK);
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return "has its value in " + name + ", which is not there";
  if (!file) storage::fail_file("open", path, errno);
  const storage::file_identity identity = storage::identify(file, path);
  if (!identity.regular) return "has its value in " + name + ", which is no regular file";
  if (identity.size != reference.size)
    return "has its value in " + name + ", which has " + std::to_string(identity.size) + " bytes, and " +
           std::to_string(reference.size) + " were written";
  const auto sums = larder::format::stored_checksums::find(sums_of, reference);
  if (!sums) return "has its value in " + name + ", and does not say how that can be checked";
  to.resize(static_cast<std::size_t>(reference.size));
  if (storage::read_at(file, to.data(), to.size(), 0, path) != to.size())
    return "has its value in " + name + ", which was cut while it was read";
  if (!*sums)
    return larder::digest_of(std::span<const std::byte>(to)) == reference.content
               ? std::nullopt
               : std::optional("has its value in " + name + ", which does not match its checksum");
  for (std::uint64_t chunk = 0; chunk < sums->count(); ++chunk) {
    const std::uint64_t from = chunk * sums->chunk_size();
    if (!sums->matches(chunk, std::span<const std::byte>(to).subspan(static_cast<std::size_t>(from),
                                                                     static_cast<std::size_t>(sums->end_of(chunk) - from))))
      return "has its value in " + name + ", which does not match its checksum in bytes " + std::to_string(from) + " to " +
             std::to_string(sums->end_of(chunk) - 1);
  }
  return std::nullopt;
}

}  // namespace dataset
