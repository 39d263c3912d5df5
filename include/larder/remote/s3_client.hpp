#pragma once

// Objects in a bucket of S3, or of a service that speaks its language. A put up to `part_size` is one PUT, visible when it
// is whole; a larger one is a multipart upload, visible when it is completed. Costs: get, head 1 request; put 1, or 2 and
// one per part; create_only of a large object or with a service that is not trusted to refuse one look (HEAD) more; erase 2,
// because S3 answers a DELETE of what is not there as any other. A writer that dies leaves the parts of its upload behind,
// invisible and charged for: a lifecycle rule of the bucket (AbortIncompleteMultipartUpload) clears them away.
//
// What a HEAD cannot say: its answers have no body, so a missing bucket looks like a missing object. Until some answer has
// shown that the bucket is there, a 404 to HEAD is looked into by one HEAD of the bucket itself.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/blob_name.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/part_read.hpp>
#include <larder/remote/part_upload.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/s3_answer.hpp>
#include <larder/remote/s3_bucket.hpp>
#include <larder/remote/s3_listing.hpp>
#include <larder/remote/sigv4.hpp>
#include <larder/remote/url.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// The five operations of a `blob_store` over a transport, which it shares, and uploads in parts. Safe from many threads.
template <class Transport>
class s3_client {
  static_assert(http_transport<Transport>, "larder: s3_client needs a transport with send(http_request) -> http_response");

 public:
  s3_client(s3_bucket where, Transport& transport) : where_(std::move(where)), transport_(&transport) {}

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
        [&](const http_request& asked) {
          http_response answer = transport_->send(asked);
          if (answer.status == 200 || answer.status == 206) bucket_seen_.store(true, std::memory_order_relaxed);
          return answer;
        },
        [&](const http_response& answer) { return answer.status == 404 && says_absent(answer, s3_code(answer)); },
        [](const http_request& asked, const http_response& answer) { fail_s3(asked, answer, s3_code(answer)); });
  }

  std::optional<blob_info> head(std::string_view name, std::stop_token stop = {}) {
    check_blob_name(name);
    return find(name, std::move(stop));
  }
  /// `head` of an object whose name others may have made.
  std::optional<blob_info> find(std::string_view name, std::stop_token stop = {}) {
    const std::optional<http_response> answer = head_of(name, std::move(stop));
    if (!answer) return std::nullopt;
    const auto length = answer->header("content-length");
    const auto size = length ? parse_count(*length) : std::nullopt;
    if (!size) fail_s3(reading("HEAD", name), *answer, {}, "it does not say how large the object is");
    return blob_info{*size, std::string(answer->header("etag").value_or(""))};
  }

  bool put(std::string_view name, std::span<const bytes> parts, put_mode mode, const std::stop_token& stop = {}) {
    check_blob_name(name);
    const std::uint64_t size = total_size(parts);
    check_can_be_read_back(size, where_.max_object);
    if (size > where_.part_size) return put_in_parts(*this, name, parts, mode, {where_.part_size, max_parts}, stop);
    if (mode == put_mode::create_only && where_.condition != s3_conditional_put::yes && head(name, stop)) return false;
    return put_whole(name, parts, mode, stop);
  }

  /// Whether there was one: by a HEAD just before, so that two who erase at once may both be told yes.
  bool erase(std::string_view name) {
    check_blob_name(name);
    if (!head_of(name)) return false;
    const http_request request = at("DELETE", name);
    const http_response answer = transport_->send(request);
    if (answer.status == 204 || answer.status == 200 || answer.status == 202) return true;
    const std::string code = s3_code(answer);
    if (says_absent(answer, code)) return false;
    fail_s3(request, answer, code);
  }

  /// Calls f(name, blob_info) for each object whose name starts so, in the order of the names and a page (of usually 1000)
  /// at a time; what comes or goes meanwhile may or may not be seen. Objects that no cache has named are passed over.
  template <class F>
  void list(std::string_view prefix, F&& f) {
    for (const char c : prefix)
      if (!is_blob_character(c))
        core::fail(error_cause::invalid_argument, "a prefix to list by has a character that no name has");
    const std::string start = where_.folder + std::string(prefix);
    std::string next;
    for (std::size_t pages = 0;; ++pages) {
      http_request request = request_to("GET", where_.address);
      request.target.query = "encoding-type=url&list-type=2&prefix=" + percent_encoded_value(start);
      if (!next.empty()) request.target.query = "continuation-token=" + percent_encoded_value(next) + "&" + request.target.query;
      request.max_body = max_page;
      const http_response answer = transport_->send(request);
      if (answer.status != 200) fail_s3(request, answer, s3_code(answer));
      bucket_seen_.store(true, std::memory_order_relaxed);
      s3_listing page = s3_listing_reader::read(answer.body.text());
      for (const s3_listing::object& found : page.objects) {
        if (!found.size || !found.key.starts_with(start)) continue;
        const std::string_view name = std::string_view(found.key).substr(where_.folder.size());
        if (is_blob_name(name)) f(name, blob_info{*found.size, found.etag});
      }
      if (!page.truncated) return;
      if (page.next.empty() || page.next == next || pages == max_pages)
        fail_s3(request, answer, {}, "the listing goes on and does not say where");
      next = std::move(page.next);
    }
  }

  /// Whether an upload of so many bytes is worth its while: false when `create_only` finds an object there; the commit is
  /// what decides. Throws when they could not be read back.
  bool admits(std::string_view name, std::uint64_t size, put_mode mode, const std::stop_token& stop = {}) {
    check_can_be_read_back(size, where_.max_object);
    return mode != put_mode::create_only || !head(name, stop);
  }

  /// Begins an upload in parts. Nothing of it is visible before it is committed; give it up by `abort_upload` otherwise.
  std::string begin_upload(std::string_view name) {
    std::string writer = random_mark();
    http_request request = at("POST", name);
    request.target.query = "uploads=";
    request.has_body = true;    // of no bytes: some services insist on a Content-Length
    request.repeatable = true;  // a second one begins another upload, of which nothing ever comes
    describe(request, writer);
    const http_response answer = transport_->send(request);
    if (answer.status != 200) fail_s3(request, answer, s3_code(answer));
    const std::string id = s3_document::read(answer.body.text()).field("UploadId");
    if (id.empty() || id.size() > 2048)
      fail_s3(request, answer, {}, "it names no upload; is there an S3 service at this address?");
    return writer + id;
  }

  /// Uploads the part with this index (from 0 on; 10,000 at most, each but the last 5 MiB at least); its tag, for the commit.
  /// Parts may go in any order, at once, and again.
  std::string put_part(std::string_view name, const std::string& upload, std::size_t index, std::span<const bytes> part,
                       const std::stop_token& stop = {}) {
    if (index >= max_parts)
      core::fail(error_cause::invalid_argument,
                 "an upload to S3 has at most " + std::to_string(max_parts) + " parts; make them larger");
    http_request request = at("PUT", name);
    request.target.query = "partNumber=" + std::to_string(index + 1) + "&uploadId=" + percent_encoded_value(id_of(upload));
    request.body = part;
    request.has_body = true;
    request.stop = stop;
    const http_response answer = transport_->send(request);
    if (answer.status != 200) fail_s3(request, answer, s3_code(answer));
    const std::string_view tag = answer.header("etag").value_or("");
    if (tag.empty() || tag.size() > 256 ||
        !std::all_of(tag.begin(), tag.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '<' && c != '>' && c != '&'; }))
      fail_s3(request, answer, {}, "it gives the part no usable ETag; is there an S3 service at this address?");
    return std::string(tag);
  }

  /// Makes the parts the object, in the order of their tags. False when `create_only` found one there; the upload is then
  /// given up.
  bool commit_upload(std::string_view name, const std::string& upload, std::span<const std::string> tags, put_mode mode) {
    const bool only_new = mode == put_mode::create_only;
    const bool conditional = only_new && says_condition() && !where_.google;
    // Without a condition that the service heeds in a commit (Google has none) all that is left is to look late.
    if (only_new && !conditional && head(name)) return given_up(name, upload);
    std::string list =
        R"(<?xml version="1.0" encoding="UTF-8"?><CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)";
    for (std::size_t i = 0; i < tags.size(); ++i)
      list += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + tags[i] + "</ETag></Part>";
    list += "</CompleteMultipartUpload>";
    const bytes body(nullptr, list.data(), list.size());
    http_request request = at("POST", name);
    request.target.query = "uploadId=" + percent_encoded_value(id_of(upload));
    request.headers.push_back({"Content-Type", "application/xml"});
    request.body = {&body, 1};
    request.has_body = true;
    request.repeatable = true;  // that the first one did it is seen by the writer's mark
    if (conditional) request.headers.push_back({"If-None-Match", "*"});

    http_response answer;
    try {
      answer = transport_->send(request);
    } catch (const error& failed) {
      // No answer is not a no: the object may be there, and then it bears our mark.
      if ((failed.cause() == error_cause::network || failed.cause() == error_cause::timeout) && is_ours_if_asked(name, upload))
        return true;
      throw;
    }
    const std::string code = s3_code(answer);  // also of a 200, whose head went out before the work was done
    if (answer.status == 200 && code.empty()) {
      if (s3_document::read(answer.body.text()).root() == "CompleteMultipartUploadResult") return true;
      fail_s3(request, answer, code, "it does not say that the upload is complete");
    }
    if (only_new && (answer.status == 412 || code == "PreconditionFailed"))
      return is_ours(name, writer_of(upload)) || given_up(name, upload);
    if (only_new && code == conflict && head(name)) return is_ours(name, writer_of(upload)) || given_up(name, upload);
    if (code == "NoSuchUpload" && is_ours(name, writer_of(upload))) return true;  // sent again after an answer that was lost
    if (conditional && refuses_conditions(answer, code)) return commit_upload(name, upload, tags, mode);
    fail_s3(request, answer, code);
  }

  /// Gives an upload up: its parts are dropped. Quietly; what fails here is left to the bucket's lifecycle rule.
  void abort_upload(std::string_view name, const std::string& upload) noexcept {
    try {
      http_request request = at("DELETE", name);
      request.target.query = "uploadId=" + percent_encoded_value(id_of(upload));
      transport_->send(request);
    } catch (...) {
    }
  }

 private:
  static constexpr std::uint64_t max_page = std::uint64_t{16}
                                            << 20U;  // bytes of XML: 1000 objects with the longest names take 4 MiB
  static constexpr std::size_t max_pages = 1'000'000;
  static constexpr std::size_t max_parts = 10'000;
  static constexpr std::size_t writer_size = random_mark_size;
  static constexpr int max_conflicts = 3;
  static constexpr std::string_view conflict = "ConditionalRequestConflict";

  static constexpr std::uint64_t largest_offset = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

  static http_request request_to(std::string method, url target) {
    http_request request;
    request.method = std::move(method);
    request.target = std::move(target);
    return request;
  }
  http_request at(std::string method, std::string_view name) const {
    check_blob_name(name);
    return reading(std::move(method), name);
  }
  http_request reading(std::string method, std::string_view name) const {
    check_foreign_name(name);
    return request_to(std::move(method), where_.address.child(where_.folder + std::string(name)));
  }

  // An upload's name for our callers is the writer's mark and the service's id.
  static std::string_view id_of(const std::string& upload) {
    if (upload.size() <= writer_size)  // and a DELETE without an id could be taken for one of the object
      core::fail(error_cause::invalid_argument, "an upload to S3 is named by what begin_upload gave");
    return std::string_view(upload).substr(writer_size);
  }
  static std::string_view writer_of(const std::string& upload) { return std::string_view(upload).substr(0, writer_size); }

  std::string mark_header() const {
    return std::string((where_.google ? google_dialect : aws_dialect).header_prefix) + "meta-larder-writer";
  }
  void describe(http_request& request, std::string_view writer) const {
    request.headers.push_back({"Content-Type", "application/octet-stream"});
    if (!writer.empty()) request.headers.push_back({mark_header(), writer});
  }

  bool says_condition() const noexcept {
    return where_.condition != s3_conditional_put::no && !conditions_refused_.load(std::memory_order_relaxed);
  }
  /// A service that does not know conditions and says so; remembered. One that is said to have them must have them.
  bool refuses_conditions(const http_response& answer, std::string_view code) {
    if (where_.condition != s3_conditional_put::automatic || (answer.status != 501 && code != "NotImplemented")) return false;
    conditions_refused_.store(true, std::memory_order_relaxed);
    return true;
  }

  /// Whether an answer says that the object is absent, which is more than a status: a missing bucket is a failure.
  bool says_absent(const http_response& answer, std::string_view code) {
    if (answer.status != 404 || code != "NoSuchKey") return false;
    bucket_seen_.store(true, std::memory_order_relaxed);
    return true;
  }

  /// The answer to a HEAD of an object that is there.
  std::optional<http_response> head_of(std::string_view name, std::stop_token stop = {}) {
    http_request request = reading("HEAD", name);
    request.stop = std::move(stop);
    http_response answer = transport_->send(request);
    if (answer.status == 200) {
      bucket_seen_.store(true, std::memory_order_relaxed);
      return answer;
    }
    if (!is_absent(answer.status)) fail_s3(request, answer, {});
    if (!bucket_seen_.load(std::memory_order_relaxed)) look_at_bucket(request.stop);
    return std::nullopt;
  }
  void look_at_bucket(std::stop_token stop) {
    http_request request = request_to("HEAD", where_.address);
    request.stop = std::move(stop);
    const http_response answer = transport_->send(request);
    if (is_absent(answer.status))
      fail_s3(request, answer, {}, "there is no such bucket; create it, or check bucket, region and endpoint");
    // 403: the key may read objects and not look at the bucket, which shows that there is one. Anything else shows nothing.
    if (answer.status == 200 || answer.status == 403) return bucket_seen_.store(true, std::memory_order_relaxed);
    fail_s3(request, answer, {});
  }

  /// Whether the object that is there was written by us: our request was sent twice, and the second met the first's object.
  bool is_ours(std::string_view name, std::string_view writer) {
    const std::optional<http_response> there = head_of(name);
    return there && there->header(mark_header()) == writer;
  }
  bool is_ours_if_asked(std::string_view name, const std::string& upload) noexcept {
    try {
      return is_ours(name, writer_of(upload));
    } catch (...) {
      return false;
    }
  }
  bool given_up(std::string_view name, const std::string& upload) noexcept {
    abort_upload(name, upload);
    return false;
  }

  bool put_whole(std::string_view name, std::span<const bytes> parts, put_mode mode, const std::stop_token& stop) {
    const bool only_new = mode == put_mode::create_only;
    const std::string writer = only_new ? random_mark() : "";
    for (int conflicts = 0;;) {
      http_request request = at("PUT", name);
      request.body = parts;
      request.has_body = true;
      request.stop = stop;
      describe(request, writer);
      const bool conditional = only_new && says_condition();
      if (conditional)
        request.headers.push_back(where_.google ? http_header{"x-goog-if-generation-match", "0"}
                                                : http_header{"If-None-Match", "*"});
      const http_response answer = transport_->send(request);
      if (answer.status == 200 || answer.status == 201 || answer.status == 204) {
        bucket_seen_.store(true, std::memory_order_relaxed);
        return true;
      }
      const std::string code = s3_code(answer);
      if (conditional && answer.status == 412) return is_ours(name, writer);
      if (conditional && code == conflict) {  // with another writer, or with one who erases: the look says which
        if (head(name)) return is_ours(name, writer);
        if (++conflicts < max_conflicts) continue;
      }
      if (conditional && refuses_conditions(answer, code)) continue;
      fail_s3(request, answer, code);
    }
  }

  s3_bucket where_;
  Transport* transport_;
  std::atomic<bool> bucket_seen_{false};
  std::atomic<bool> conditions_refused_{false};
};

}  // namespace larder::remote
