#include "option_values.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace bench {

std::map<std::string, std::string, std::less<>> options_said(int count, char** arguments,
                                                             const std::vector<std::string_view>& flags,
                                                             const std::vector<std::string_view>& with_value) {
  const auto is_one = [](const std::vector<std::string_view>& names, std::string_view option) {
    return std::find(names.begin(), names.end(), option) != names.end();
  };
  std::map<std::string, std::string, std::less<>> said;
  for (int i = 1; i < count; ++i) {
    const std::string option = std::string_view(arguments[i]) == "-h" ? "--help" : arguments[i];
    if (is_one(flags, option)) {
      said[option];
      continue;
    }
    if (!is_one(with_value, option)) throw std::invalid_argument("unknown option " + option);
    if (i + 1 == count) throw std::invalid_argument(option + " needs a value");
    said[option] = arguments[++i];
  }
  return said;
}

std::vector<std::string> names_of(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (comma != 0) names.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return names;
}

std::size_t number_of(std::string_view option, std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0)
    throw std::invalid_argument(std::string(option) + ": \"" + std::string(text) + "\" is not a number from 1");
  return number;
}

double scale_of(std::string_view option, std::string_view text) {
  double scale = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), scale, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !(scale > 0 && scale <= 1000))
    throw std::invalid_argument(std::string(option) + ": \"" + std::string(text) + "\" is not a number above 0 and up to 1000");
  return scale;
}

bool among(const std::vector<std::string>& names, std::string_view name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace bench
