#pragma once

// The files in a tar archive: ustar, v7, GNU (long names, large sizes) and pax. Every archive is taken for hostile; what two readers could
// understand differently is refused with the reason:
//   * names that are absolute, empty, or have a ".." component ('/' or '\' as separators): names become file names elsewhere;
//   * links, folders and devices with a size: some readers skip that many bytes behind them, some do not;
//   * a lone block of zeros before further members: the end to some readers;
//   * a long name given twice, by GNU's and by pax's extension or by one of them; pax names or sizes for all members that follow;
//   * sparse files, archives in volumes and types of member that nobody but their vendor knows.
// Folders, links, devices, pipes and volume labels are passed over. Two blocks of zeros end an archive, whatever follows; it may also just
// stop behind a member.

#include <larder/core/error.hpp>
#include <larder/format/pax_records.hpp>
#include <larder/format/tar_header.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::format {

/// A file in an archive, and where its content lies in it.
struct tar_member {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  friend bool operator==(const tar_member&, const tar_member&) = default;
};

/// The largest extension of a header that is read: a name or pax records. PATH_MAX is 4096.
inline constexpr std::uint64_t tar_extension_limit = 1 << 20;

namespace tar_rules {

/// Why a file may not have this name; empty when it may.
inline std::string name_fault(std::string_view name) {
  if (name.empty()) return "it has an empty name";
  if (name.front() == '/' || name.front() == '\\') return "its name is absolute";
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find_first_of("/\\", begin), name.size());
    if (name.substr(begin, end - begin) == "..") return "its name has the component \"..\"";
    begin = end + 1;
  }
  return {};
}

/// What extensions say about the member that follows them.
struct extensions {
  std::optional<std::uint64_t> begin;  ///< of the first one
  std::optional<std::string> long_name;
  std::optional<pax_records> pax;
  bool long_link = false;
};

inline bool is_extension(char type) noexcept { return type == 'L' || type == 'K' || type == 'x' || type == 'g'; }

template <class Refuse>
void read_extension(char type, std::span<const std::byte> content, extensions& said, Refuse refuse) {
  const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  if (type == 'x') {
    if (said.pax) refuse("two pax headers are about one member");
    said.pax = parse_pax_records(text, refuse);
    if (said.pax->sparse) refuse("a sparse file follows, its holes left out; write it without --sparse");
  } else if (type == 'g') {
    const pax_records of_all = parse_pax_records(text, refuse);
    if (of_all.path || of_all.size || of_all.sparse) refuse("a global pax header gives one name or size to all members");
  } else if (type == 'L') {
    if (said.long_name) refuse("two long names are about one member");
    said.long_name = std::string(text.substr(0, std::min(text.find('\0'), text.size())));
  } else {
    if (said.long_link) refuse("two long link names are about one member");
    said.long_link = true;
  }
  if (said.long_name && said.pax && said.pax->path) refuse("a long name and a pax header both name one member");
}

/// Whether a member is a file to hand out; throws for one that nobody can.
template <class Refuse>
bool is_file(const tar_header& header, Refuse refuse) {
  const auto without_content = [&](const char* what) {
    if (header.size != 0)
      refuse(std::string(what) + " " + printable_name(header.name) + " has a size of " + std::to_string(header.size) +
             "; readers do not agree whether content follows it");
    return false;
  };
  switch (header.type) {
    case '\0':
    case '0':
    case '7':
      return header.name.ends_with('/') ? without_content("the folder") : true;
    case '1':
      return without_content("the hard link");
    case '2':
      return without_content("the symbolic link");
    case '3':
    case '4':
      return without_content("the device");
    case '5':
      return without_content("the folder");
    case '6':
      return without_content("the pipe");
    case 'D':
    case 'V':
      return false;  // GNU: the list of a folder, the label of a volume
    case 'S':
      refuse("the sparse file " + printable_name(header.name) + " has its holes left out; write it without --sparse");
      break;
    case 'M':
      refuse(printable_name(header.name) + " goes on from another volume; join the volumes first");
      break;
    default:
      refuse(printable_name(header.name) + " is of the unknown type " + printable_name(std::string_view(&header.type, 1)) +
             "; write the archive as ustar, GNU or pax");
  }
  return false;  // `refuse` has thrown
}

}  // namespace tar_rules

/// Calls `visit(tar_member&&)` for each file of an archive, in its order. `read(offset, size)` gives a span of that part of the archive,
/// which lies inside and has at most `tar_extension_limit` bytes; the span is used until the next call. Contents are not read. Throws
/// `larder::error` (corruption) that names `file` and the offset; each member's content lies inside the archive.
template <class Read, class Visit>
void for_each_tar_member(std::uint64_t archive_size, Read&& read, std::string_view file, Visit&& visit) {
  if (archive_size == 0) tar_rules::refuse(file, 0, "it is empty");
  tar_rules::extensions said;
  std::uint64_t at = 0;
  const auto refuse = [&](const std::string& why) { tar_rules::refuse(file, at, why); };
  while (at < archive_size) {
    if (archive_size - at < tar_block)
      refuse("the archive is cut off: a header has 512 bytes, and " + std::to_string(archive_size - at) + " are left");
    const std::span<const std::byte> block = read(at, tar_block);
    if (tar_rules::is_zero(block)) {
      if (archive_size - at >= 2 * tar_block && !tar_rules::is_zero(read(at + tar_block, tar_block)))
        refuse("a single block of zeros stands before further members; it takes two to end an archive");
      break;
    }
    tar_header header = parse_tar_header(block, at, file);
    const bool extends = tar_rules::is_extension(header.type);
    if (!extends) {
      if (said.long_name) header.name = std::move(*said.long_name);
      if (said.pax && said.pax->path) header.name = std::move(*said.pax->path);
      if (said.pax && said.pax->size) header.size = *said.pax->size;
    }
    const std::uint64_t content = at + tar_block;
    const bool hand_out = !extends && tar_rules::is_file(header, refuse);
    if (header.size > archive_size - content)
      refuse("the archive is cut off: " + printable_name(header.name) + " has " + std::to_string(header.size) + " bytes, and " +
             std::to_string(archive_size - content) + " are left");
    if (extends) {
      if (header.size > tar_extension_limit)
        refuse("an extension of " + std::to_string(header.size) + " bytes is above the limit of " +
               std::to_string(tar_extension_limit));
      if (header.type != 'g' && !said.begin) said.begin = at;
      tar_rules::read_extension(header.type, header.size == 0 ? std::span<const std::byte>{} : read(content, header.size), said,
                                refuse);
    } else {
      said = {};
    }
    if (hand_out) {
      if (const std::string why = tar_rules::name_fault(header.name); !why.empty())
        refuse(printable_name(header.name) + ": " + why);
      visit(tar_member{std::move(header.name), content, header.size});
    }
    const std::uint64_t end = content + header.size;
    at = end +
         std::min((tar_block - end % tar_block) % tar_block, archive_size - end);  // the last one may lack what fills its block
  }
  if (said.begin)
    tar_rules::refuse(file, *said.begin, "the archive is cut off: the member that this header is about does not follow");
}

/// The files of an archive in memory, in its order.
inline std::vector<tar_member> tar_members_of(std::span<const std::byte> archive, std::string_view file = "tar") {
  std::vector<tar_member> members;
  for_each_tar_member(
      archive.size(),
      [&](std::uint64_t offset, std::uint64_t size) {
        return archive.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
      },
      file, [&](tar_member&& member) { members.push_back(std::move(member)); });
  return members;
}

}  // namespace larder::format
