#pragma once

// The answer to PROPFIND (RFC 4918, section 14.16), read with expat: it knows namespaces and encodings, which a scanner
// of our own would get wrong, and it can be stopped at a DOCTYPE, before any entity exists.

#include <larder/core/error.hpp>
#include <larder/remote/range.hpp>

#include <expat.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::remote {

/// One resource as a server describes it; nothing in it is trusted.
struct dav_resource {
  std::string href;  ///< percent-encoded, a path or a whole URL
  std::optional<std::uint64_t> size;
  std::string etag;
  bool collection = false;
};

/// Reads a multistatus document of at most INT_MAX bytes. Throws `larder::error` (server) for anything else: other XML,
/// malformed XML, a DOCTYPE, elements nested or texts longer than any honest answer's.
class multistatus_reader {
 public:
  static std::vector<dav_resource> read(std::string_view text) {
    multistatus_reader reader;
    const std::unique_ptr<std::remove_pointer_t<XML_Parser>, parser_deleter> parser(XML_ParserCreateNS(nullptr, '|'));
    if (!parser) core::fail(error_cause::io, "expat gives no parser: out of memory");
    reader.parser_ = parser.get();
    XML_SetUserData(parser.get(), &reader);
    XML_SetElementHandler(parser.get(), &on_start, &on_end);
    XML_SetCharacterDataHandler(parser.get(), &on_text);
    XML_SetStartDoctypeDeclHandler(parser.get(), &on_doctype);
    constexpr std::size_t slice = std::size_t{1} << 20U;
    bool good = true;
    for (std::size_t at = 0; good && (at < text.size() || at == 0); at += slice) {
      const std::string_view piece = text.substr(at, slice);
      good = XML_Parse(parser.get(), piece.data(), static_cast<int>(piece.size()), at + slice >= text.size()) == XML_STATUS_OK;
    }
    if (reader.failure_) std::rethrow_exception(reader.failure_);
    if (!good) refuse(std::string("is not well-formed XML (") + XML_ErrorString(XML_GetErrorCode(parser.get())) + ")");
    if (!reader.found_) refuse("is XML, but no multistatus");
    return std::move(reader.resources_);
  }

 private:
  static constexpr std::size_t max_depth = 32;
  static constexpr std::size_t max_text = 16384;
  struct parser_deleter {
    void operator()(XML_Parser parser) const noexcept { XML_ParserFree(parser); }
  };

  [[noreturn]] static void refuse(const std::string& why) {
    core::fail(error_cause::server, "the server's listing " + why + "; is there a WebDAV server at this address?");
  }

  template <class F>
  void guarded(F&& f) noexcept {
    if (failure_) return;
    try {
      f();
    } catch (...) {
      failure_ = std::current_exception();
      XML_StopParser(parser_, XML_FALSE);
    }
  }
  static multistatus_reader& self(void* user) noexcept { return *static_cast<multistatus_reader*>(user); }

  static void XMLCALL on_doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) noexcept {
    self(user).guarded([] { refuse("declares a document type, which none needs"); });
  }
  static void XMLCALL on_start(void* user, const XML_Char* name, const XML_Char**) noexcept {
    self(user).guarded([&] { self(user).start(name); });
  }
  static void XMLCALL on_end(void* user, const XML_Char* name) noexcept {
    self(user).guarded([&] { self(user).end(name); });
  }
  static void XMLCALL on_text(void* user, const XML_Char* text, int size) noexcept {
    multistatus_reader& me = self(user);
    me.guarded([&] {
      if (!me.in_field_) return;
      if (me.text_.size() + static_cast<std::size_t>(size) > max_text) refuse("holds a text longer than " + std::to_string(max_text) + " bytes");
      me.text_.append(text, static_cast<std::size_t>(size));
    });
  }

  void start(std::string_view name) {
    if (++depth_ > max_depth) refuse("nests deeper than " + std::to_string(max_depth) + " elements");
    if (depth_ == 1) {
      found_ = name == "DAV:|multistatus";
      if (!found_) refuse("is XML, but no multistatus");
    }
    text_.clear();
    in_field_ = name == "DAV:|href" || name == "DAV:|status" || name == "DAV:|getcontentlength" || name == "DAV:|getetag";
    if (name == "DAV:|response") {
      current_ = {};
      alive_ = true;
    } else if (name == "DAV:|propstat") {
      offered_ = {};
      found_props_ = true;
      in_propstat_ = true;
    } else if (name == "DAV:|collection")
      offered_.collection = true;
  }

  void end(std::string_view name) {
    --depth_;
    in_field_ = false;
    const std::string text = trimmed(std::exchange(text_, {}));
    if (name == "DAV:|href") {
      if (current_.href.empty()) current_.href = text;
    } else if (name == "DAV:|getcontentlength") {
      offered_.size = parse_count(text);
    } else if (name == "DAV:|getetag") {
      offered_.etag = text;
    } else if (name == "DAV:|status") {
      (in_propstat_ ? found_props_ : alive_) = text.find(" 200") != std::string::npos;
    } else if (name == "DAV:|propstat") {
      in_propstat_ = false;
      if (!found_props_) return;
      current_.collection = current_.collection || offered_.collection;
      if (offered_.size) current_.size = offered_.size;
      if (!offered_.etag.empty()) current_.etag = offered_.etag;
    } else if (name == "DAV:|response") {
      if (alive_ && !current_.href.empty()) resources_.push_back(std::move(current_));
      current_ = {};
    }
  }

  static std::string trimmed(std::string_view text) {
    constexpr std::string_view spaces = " \t\r\n";
    const std::size_t first = text.find_first_not_of(spaces);
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(spaces) - first + 1));
  }

  XML_Parser parser_ = nullptr;
  std::exception_ptr failure_;
  std::vector<dav_resource> resources_;
  dav_resource current_;  // of the response being read
  dav_resource offered_;  // of the propstat being read: counts only when its status is 200
  std::string text_;
  std::size_t depth_ = 0;
  bool in_field_ = false;
  bool in_propstat_ = false;
  bool found_ = false;
  bool alive_ = false;
  bool found_props_ = false;
};

}  // namespace larder::remote
