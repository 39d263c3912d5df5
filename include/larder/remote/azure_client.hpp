#pragma once

// The client of Azure Blob Storage: what each operation asks, and what the answers mean. An object up to block_size is one Put
// Blob; a larger one is put in blocks that nobody sees until Put Block List publishes them, whole. Two writers of one object
// share its unpublished blocks: the id of every block begins with its upload's random one. Blocks that a writer leaves behind
// cost room until the service drops them, after a week.
//
// Each put stores its random id as metadata. By it a create_only that meets an object knows its own, whose first answer was lost.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/azure_answer.hpp>
#include <larder/remote/azure_listing.hpp>
#include <larder/remote/base64.hpp>
#include <larder/remote/blob_name.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/message_digest.hpp>
#include <larder/remote/part_read.hpp>
#include <larder/remote/part_upload.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/url.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// Where an `azure_client` keeps its objects.
struct azure_container {
  static constexpr std::uint64_t largest_block = std::uint64_t{4000} << 20U;
  static constexpr std::uint64_t most_blocks = 50'000;

  url address;         ///< of the container
  std::string folder;  ///< in the container; empty: at its top
  std::uint64_t max_object = 0;
  std::uint64_t block_size = 0;
  std::size_t page_size = 0;
  bool create = false;  ///< a put that finds no container makes it, a look-up that finds none has found nothing
};

/// The five operations of a `blob_store` over a transport, which it shares, and what Azure can do beyond. Safe from many threads.
template <class Transport>
class azure_client {
  static_assert(http_transport<Transport>, "larder: azure_client needs a transport with send(http_request) -> http_response");

 public:
  static constexpr std::string_view service_version = "2023-11-03";

  azure_client(azure_container where, Transport& transport) : where_(std::move(where)), transport_(&transport) {}

  std::optional<bytes> get(std::string_view name, const byte_range& range) {
    check_blob_name(name);
    std::optional<part_read> part = read_part(name, {.range = range});
    return part ? std::optional<bytes>(std::move(part->body)) : std::nullopt;
  }

  /// A part of an object, for large ones that come in several. A range beyond the end is cut to the object. The name may be one
  /// that others have made.
  std::optional<part_read> read_part(std::string_view name, const part_wanted& wanted) {
    http_request request = reading("GET", name);
    request.max_body = where_.max_object;
    return remote::read_part(
        std::move(request), wanted, {where_.max_object, largest_offset}, [&] { return find(name, wanted.stop); },
        [&](const http_request& asked) { return without_quirk(asked, transport_->send(asked)); },
        [&](const http_response& answer) { return says_absent(answer); },
        [](const http_request& asked, const http_response& answer) { azure_answer::fail(asked, answer); },
        [](const http_request& asked, const http_response& answer) {
          part_head head = describe_part(answer);
          if (answer.status != 416) head.total = object_size(asked, answer);
          return head;
        });
  }

  std::optional<blob_info> head(std::string_view name, std::stop_token stop = {}) {
    check_blob_name(name);
    return find(name, std::move(stop));
  }
  /// `head` of an object whose name others may have made.
  std::optional<blob_info> find(std::string_view name, std::stop_token stop = {}) {
    http_request request = reading("HEAD", name);
    request.stop = std::move(stop);
    const http_response answer = transport_->send(request);
    if (says_absent(answer)) return std::nullopt;
    if (answer.status != 200) azure_answer::fail(request, answer);
    return blob_info{object_size(request, answer), std::string(answer.header("etag").value_or(""))};
  }

  bool put(std::string_view name, std::span<const bytes> parts, put_mode mode, const std::stop_token& stop = {}) {
    const std::uint64_t size = total_size(parts);
    check_can_be_read_back(size, where_.max_object);
    if (size <= where_.block_size) return put_whole(name, parts, mode, stop);
    return put_in_parts(*this, name, parts, mode, {where_.block_size, azure_container::most_blocks}, stop);
  }

  bool erase(std::string_view name) {
    const http_request request = at("DELETE", name);
    const http_response answer = transport_->send(request);
    if (says_absent(answer)) return false;
    if (answer.status != 202) azure_answer::fail(request, answer);
    return true;
  }

  /// Calls f(name, blob_info) for each object whose name starts so, in the order of the names. One request per page; an
  /// object that comes or goes meanwhile may or may not be seen.
  template <class F>
  void list(std::string_view prefix, F&& f) {
    for (const char c : prefix)
      if (!is_blob_character(c))
        core::fail(error_cause::invalid_argument, "a prefix to list by has a character that no name has");
    const std::string above = where_.folder.empty() ? std::string{} : where_.folder + "/";
    const std::string first = "restype=container&comp=list&prefix=" + percent_encoded_path(above + std::string(prefix)) +
                              "&maxresults=" + std::to_string(where_.page_size);
    std::string marker;
    for (std::size_t read = 0;; ++read) {
      http_request request = to("GET", where_.address);
      request.target.query = first + (marker.empty() ? "" : "&marker=" + percent_encoded_path(marker));
      request.max_body = max_page;
      const http_response answer = transport_->send(request);
      if (where_.create && lacks_container(answer)) return;
      if (answer.status != 200) azure_answer::fail(request, answer);
      const azure_page page = azure_page_reader::read(answer.body.text());
      for (const azure_page::object& found : page.objects) {
        std::string_view name = found.name;
        if (!name.starts_with(above)) continue;
        name.remove_prefix(above.size());
        if (is_blob_name(name) && name.starts_with(prefix) && found.size) f(name, blob_info{*found.size, found.etag});
      }
      if (page.next.empty()) return;
      if (page.next == marker || read == max_pages)
        core::fail(error_cause::server, where_.address.printable() + " lists without end; is this endpoint a blob service?");
      marker = page.next;
    }
  }

  // Beyond a blob_store: parts, side by side.

  /// Whether an upload of so many bytes is worth its while: false when `create_only` finds an object there; the commit is
  /// what decides. Throws when they could not be read back.
  bool admits(std::string_view name, std::uint64_t size, put_mode mode, const std::stop_token& stop = {}) {
    check_can_be_read_back(size, where_.max_object);
    return mode != put_mode::create_only || !head(name, stop);
  }
  /// A new upload of the object, to which any threads put parts. Sends nothing; one that is never committed needs no end.
  std::string begin_upload(std::string_view name) const {
    check_blob_name(name);
    return random_mark();
  }
  /// Puts the part of that index (0 to 49,999; the indexes make no order, the tags of the commit do); gives its tag.
  /// Repeating it is harmless.
  std::string put_part(std::string_view name, std::string_view upload, std::size_t index, std::span<const bytes> parts,
                       std::stop_token stop = {}) {
    if (index >= azure_container::most_blocks)
      core::fail(error_cause::invalid_argument,
                 "part " + std::to_string(index) + " of an upload: an object has at most 50000; put larger parts");
    std::string number = std::to_string(index);
    number.insert(0, 7 - number.size(), '0');  // all ids of an object have one length
    std::string tag = base64(std::string(upload) + number);
    http_request request = at("PUT", name);
    request.stop = std::move(stop);
    request.target.query = "comp=block&blockid=" + percent_encoded_path(tag);
    carry(request, parts);
    const http_response answer = send_put(request);
    if (answer.status != 201) azure_answer::fail(request, answer);
    return tag;
  }
  /// Publishes the parts with these tags, in their order, as the object; false when `create_only` found one there.
  bool commit_upload(std::string_view name, std::string_view upload, std::span<const std::string> tags, put_mode mode) {
    std::string text = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
    for (const std::string& tag : tags) {
      if (!base64_decoded(tag)) core::fail(error_cause::invalid_argument, "a tag to commit is none that put_part gave");
      text += "<Latest>" + tag + "</Latest>";
    }
    text += "</BlockList>";
    http_request request = at("PUT", name);
    request.target.query = "comp=blocklist";
    const bytes body(nullptr, text.data(), text.size());
    carry(request, {&body, 1});
    return publish(request, name, upload, mode);
  }
  /// Gives an upload up. The service drops its parts by itself.
  void abort_upload(std::string_view, std::string_view) noexcept {}

  // Beyond a blob_store: the container, leases.

  /// Makes the container; false when it exists.
  bool make_container() {
    http_request request = to("PUT", where_.address);
    request.target.query = "restype=container";
    request.has_body = true;  // a length of 0 must be announced
    const http_response answer = transport_->send(request);
    if (answer.status == 409 && azure_answer::code(answer) == "ContainerAlreadyExists") return false;
    if (answer.status != 201) azure_answer::fail(request, answer);
    return true;
  }

  /// A lease without end.
  static constexpr std::chrono::seconds until_released{-1};

  /// Leases an object that exists, for 15 to 60 seconds or `until_released`: while it lasts nobody else leases, replaces or
  /// erases it. The lease's id, or nothing when somebody else has it.
  std::optional<std::string> acquire_lease(std::string_view name, std::chrono::seconds duration) {
    if (duration != until_released && (duration < std::chrono::seconds{15} || duration > std::chrono::seconds{60}))
      core::fail(error_cause::invalid_argument,
                 "a lease of " + std::to_string(duration.count()) + " s: the service gives 15 to 60 seconds, or until_released");
    std::string id = random_mark();
    for (const std::size_t dash : {std::size_t{20}, std::size_t{16}, std::size_t{12}, std::size_t{8}}) id.insert(dash, 1, '-');
    http_request request = lease(name, "acquire");
    request.headers.push_back({"x-ms-lease-duration", std::to_string(duration.count())});
    request.headers.push_back(
        {"x-ms-proposed-lease-id", id});  // ours: asking again after a lost answer finds the lease, not a stranger's
    const http_response answer = transport_->send(request);
    if (answer.status == 409 && azure_answer::code(answer) == "LeaseAlreadyPresent") return std::nullopt;
    if (answer.status != 201 && answer.status != 200) azure_answer::fail(request, answer);
    return id;
  }
  /// Begins the lease's time anew; false when it is no longer held.
  bool renew_lease(std::string_view name, std::string_view id) { return change_lease(name, "renew", id); }
  /// Gives the lease back; false when it was no longer held.
  bool release_lease(std::string_view name, std::string_view id) { return change_lease(name, "release", id); }

 private:
  static constexpr std::uint64_t largest_offset = std::uint64_t{1} << 50U;  // bytes; no blob reaches it
  static constexpr std::uint64_t max_page = std::uint64_t{64} << 20U;       // bytes of XML
  static constexpr std::size_t max_pages = 1'000'000;
  static constexpr std::string_view writer = "x-ms-meta-larder";

  http_request to(std::string method, url target) const {
    http_request request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers.push_back({"x-ms-version", service_version});
    return request;
  }
  http_request at(std::string method, std::string_view name) const {
    check_blob_name(name);
    return reading(std::move(method), name);
  }
  http_request reading(std::string method, std::string_view name) const {
    check_foreign_name(name);
    return to(std::move(method), (where_.folder.empty() ? where_.address : where_.address.child(where_.folder)).child(name));
  }
  http_request lease(std::string_view name, std::string_view action) const {
    http_request request = at("PUT", name);
    request.target.query = "comp=lease";
    request.has_body = true;
    request.headers.push_back({"x-ms-lease-action", action});
    return request;
  }

  /// Gives the request its body and the digest by which the service checks that it arrived.
  static void carry(http_request& request, std::span<const bytes> parts) {
    request.body = parts;
    request.has_body = true;
    const md5_digest digest = digest_of_parts<md5_digest>(parts);
    request.headers.push_back({"Content-MD5", base64({reinterpret_cast<const char*>(digest.data()), digest.size()})});
  }

  bool put_whole(std::string_view name, std::span<const bytes> parts, put_mode mode, const std::stop_token& stop) {
    http_request request = at("PUT", name);
    request.stop = stop;
    request.headers.push_back({"x-ms-blob-type", "BlockBlob"});
    carry(request, parts);
    return publish(request, name, random_mark(), mode);
  }

  /// Sends what makes an object visible. What is in the way of a create_only may be its own: the transport may have sent it
  /// again because the first answer was lost.
  bool publish(http_request& request, std::string_view name, std::string_view id, put_mode mode) {
    const bool only_new = mode == put_mode::create_only;
    request.headers.push_back({"x-ms-blob-content-type", "application/octet-stream"});
    request.headers.push_back({std::string(writer), id});
    if (only_new) request.headers.push_back({"If-None-Match", "*"});
    const http_response answer = send_put(request);
    if (answer.status == 201) return true;
    const std::string_view code = azure_answer::code(answer);
    if (only_new && (answer.status == 412 || code == "BlobAlreadyExists" || code == "UnauthorizedBlobOverwrite"))
      return writer_of(name) == id;
    // The blocks were there. They go when somebody else publishes this object: that one came after us, and is there; or
    // erases it.
    if (code == "InvalidBlockList")
      if (const std::optional<std::string> other = writer_of(name)) return !only_new || *other == id;
    azure_answer::fail(request, answer);
  }

  bool says_absent(const http_response& answer) const {
    return azure_answer::says_absent(answer) || (where_.create && lacks_container(answer));
  }
  static bool lacks_container(const http_response& answer) {
    return answer.status == 404 && azure_answer::code(answer) == "ContainerNotFound";
  }
  http_response send_put(const http_request& request) {
    http_response answer = transport_->send(request);
    if (!where_.create || !lacks_container(answer)) return answer;
    make_container();
    return transport_->send(request);
  }

  /// The id of the put that made the object (empty for one by others); nothing when there is none or it cannot be asked.
  std::optional<std::string> writer_of(std::string_view name) {
    try {
      const http_response answer = transport_->send(at("HEAD", name));
      if (answer.status == 200) return std::string(answer.header(writer).value_or(""));
    } catch (const error&) {
      // The answer stays what it was: the object is another's.
    }
    return std::nullopt;
  }

  bool change_lease(std::string_view name, std::string_view action, std::string_view id) {
    if (!azure_answer::is_id(id)) core::fail(error_cause::invalid_argument, "a lease's id that acquire_lease has not given");
    http_request request = lease(name, action);
    request.headers.push_back({"x-ms-lease-id", id});
    const http_response answer = transport_->send(request);
    if (answer.status == 200) return true;
    if (azure_answer::says_absent(answer) || azure_answer::code(answer).starts_with("Lease")) return false;
    azure_answer::fail(request, answer);
  }

  static std::uint64_t object_size(const http_request& request, const http_response& answer) {
    std::optional<std::uint64_t> size;
    if (answer.status == 206) {
      if (const std::optional<content_range> part = parse_content_range(answer.header("content-range").value_or("")))
        size = part->total;
    } else {
      size = parse_count(answer.header("content-length").value_or(""));
      if (!size && request.method == "GET" && !answer.cut) size = answer.landed.value_or(answer.body.size());
    }
    if (!size) azure_answer::fail(request, answer, "it does not say how large the object is");
    return *size;
  }
  /// Azurite has no 416 for a range that begins where the object ends: it sends "the bytes from there to the one before".
  static http_response without_quirk(const http_request& request, http_response answer) {
    if (answer.status != 206 || !request.range || !answer.body.empty() || answer.landed.value_or(0) != 0) return answer;
    const std::uint64_t begin = request.range->offset;
    const std::string size = std::to_string(begin);
    const std::string before = begin == 0 ? "-1" : std::to_string(begin - 1);
    if (answer.header("content-range") != "bytes " + size + "-" + before + "/" + size) return answer;
    answer.status = 416;
    for (http_header& h : answer.headers)
      if (h.name == "content-range") h.value = "bytes */" + size;
    return answer;
  }

  azure_container where_;
  Transport* transport_;
};

}  // namespace larder::remote
