#pragma once

#include <string>
#include <string_view>

namespace simulate {

/// The text with a `?` for each byte that is no UTF-8 or that XML and JSON may not have; a file name can be anything.
std::string printable(std::string_view text);
/// The text for XML and HTML, in content and in quoted attributes.
std::string escaped_for_xml(std::string_view text);
/// The text as a JSON string, quotes included.
std::string quoted_for_json(std::string_view text);

}  // namespace simulate
