#include "round_options.hpp"

#include "option_values.hpp"

namespace bench {

bool round_options::wants_case(std::string_view name) const { return among(cases, name); }

std::filesystem::path round_options::parent_folder() const {
  return folder.empty() ? std::filesystem::read_symlink("/proc/self/exe").parent_path() : std::filesystem::path(folder);
}

std::map<std::string, std::string, std::less<>> round_options::read(int count, char** arguments,
                                                                    std::vector<std::string_view> further) {
  further.insert(further.end(), {"--case", "--rounds", "--dir", "--out"});
  auto said = options_said(count, arguments, {"--quick", "--help"}, further);
  help = said.contains("--help");
  quick = said.contains("--quick");
  if (quick) rounds = 2;
  for (const auto& [option, value] : said) {
    if (option == "--case") cases = names_of(value);
    if (option == "--out") out = value;
    if (option == "--dir") folder = value;
    if (option == "--rounds") rounds = number_of(option, value);
  }
  return said;
}

}  // namespace bench
