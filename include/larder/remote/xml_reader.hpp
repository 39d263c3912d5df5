#pragma once

// Reads the XML that services answer with, by expat: it knows namespaces and encodings, which a scanner of our own would get
// wrong, and it can be stopped at a DOCTYPE, before any entity exists.

#include <larder/core/error.hpp>

#include <expat.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder::remote {

/// Tells a handler of each element: `start(name)`, and at its end `end(name, text)` with the text since the last tag, without the
/// spaces around it. A name has its namespace before a bar (`DAV:|href`), or no bar without one. Documents have at most INT_MAX bytes.
template <class Handler>
class xml_reader {
 public:
  static constexpr std::size_t max_depth = 32;
  static constexpr std::size_t max_text = 16384;

  /// Reads it all. Throws what the handler throws, and `larder::error` (server) whose message begins with `subject` ("the server's
  /// listing") and ends with `advice` for malformed XML, a DOCTYPE, elements nested or texts longer than any honest answer's.
  static void read(std::string_view text, Handler& handler, std::string_view subject, std::string_view advice) {
    xml_reader reader(handler, subject, advice);
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
    if (!good) reader.refuse(std::string("is not well-formed XML (") + XML_ErrorString(XML_GetErrorCode(parser.get())) + ")");
  }

 private:
  struct parser_deleter {
    void operator()(XML_Parser parser) const noexcept { XML_ParserFree(parser); }
  };

  xml_reader(Handler& handler, std::string_view subject, std::string_view advice)
      : handler_(&handler), subject_(subject), advice_(advice) {}

  [[noreturn]] void refuse(const std::string& why) const {
    core::fail(error_cause::server, std::string(subject_) + " " + why + "; " + std::string(advice_));
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
  static xml_reader& self(void* user) noexcept { return *static_cast<xml_reader*>(user); }

  static void XMLCALL on_doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) noexcept {
    self(user).guarded([&] { self(user).refuse("declares a document type, which none needs"); });
  }
  static void XMLCALL on_start(void* user, const XML_Char* name, const XML_Char**) noexcept {
    xml_reader& me = self(user);
    me.guarded([&] {
      if (++me.depth_ > max_depth) me.refuse("nests deeper than " + std::to_string(max_depth) + " elements");
      me.text_.clear();
      me.handler_->start(std::string_view(name));
    });
  }
  static void XMLCALL on_end(void* user, const XML_Char* name) noexcept {
    xml_reader& me = self(user);
    me.guarded([&] {
      --me.depth_;
      me.handler_->end(std::string_view(name), trimmed(std::exchange(me.text_, {})));
    });
  }
  static void XMLCALL on_text(void* user, const XML_Char* text, int size) noexcept {
    xml_reader& me = self(user);
    me.guarded([&] {
      if (me.text_.size() + static_cast<std::size_t>(size) > max_text)
        me.refuse("holds a text longer than " + std::to_string(max_text) + " bytes");
      me.text_.append(text, static_cast<std::size_t>(size));
    });
  }

  static std::string trimmed(std::string_view text) {
    constexpr std::string_view spaces = " \t\r\n";
    const std::size_t first = text.find_first_not_of(spaces);
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(spaces) - first + 1));
  }

  Handler* handler_;
  std::string_view subject_;
  std::string_view advice_;
  XML_Parser parser_ = nullptr;
  std::exception_ptr failure_;
  std::string text_;
  std::size_t depth_ = 0;
};

}  // namespace larder::remote
