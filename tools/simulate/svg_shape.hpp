#pragma once

#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"

#include <string>
#include <string_view>

namespace simulate::svg {

/// ` name="value"`
inline std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + escaped_for_xml(value) + "\"";
}
inline std::string attribute(std::string_view name, double value) {
  return attribute(name, std::string_view(shortest(value, 6)));
}

inline std::string line(double x1, double y1, double x2, double y2, const std::string& attributes) {
  return "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) + attribute("y2", y2) + attributes + "/>\n";
}
inline std::string rectangle(double x, double y, double width, double height, const std::string& attributes) {
  return "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", width) + attribute("height", height) + attributes +
         "/>\n";
}
inline std::string text(double x, double y, std::string_view content, const std::string& attributes) {
  return "<text" + attribute("x", x) + attribute("y", y) + attributes + ">" + escaped_for_xml(content) + "</text>\n";
}

/// How wide a text will be, about, and rather too much: fonts differ from machine to machine.
inline double text_width(std::string_view content, double font_size) {
  double width = 0;
  for (const char c : content) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) continue;  // the rest of a character of several bytes
    if (std::string_view("ijlft.,:;|!'() ").find(c) != std::string_view::npos)
      width += 0.33;
    else if (std::string_view("mwMW%@").find(c) != std::string_view::npos)
      width += 0.85;
    else
      width += c >= 'A' && c <= 'Z' ? 0.7 : 0.57;
  }
  return width * font_size * 1.04;
}

/// The text, cut with an ellipsis when it would be wider than that.
inline std::string fitting(std::string content, double font_size, double width) {
  if (text_width(content, font_size) <= width) return content;
  while (!content.empty() && text_width(content + "…", font_size) > width) {
    while (!content.empty() && (static_cast<unsigned char>(content.back()) & 0xc0) == 0x80) content.pop_back();
    if (!content.empty()) content.pop_back();
  }
  return content + "…";
}

}  // namespace simulate::svg
