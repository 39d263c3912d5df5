// A program that links larder::config alone: JSON is read, and what is not linked is said. In a program of its own, as one file that includes
// config/toml.hpp makes all of a program read TOML.
#include <larder/config/settings.hpp>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::settings;
using support::refusal_of;
using support::says;

TEST_CASE("a format that the program cannot read is a sentence: what to include, what to link") {
  const support::temporary_folder folder;
  support::write_file(folder / "a.json", R"({"cache": {"size": 5}})");
  support::write_file(folder / "a.toml", "[cache]\nsize = 5\n");
  support::write_file(folder / "a.yaml", "cache: {size: 5}\n");
  support::write_file(folder / "a.yml", "cache: {size: 5}\n");
  CHECK(settings::load(folder / "a.json").caches.contains("cache"));
  const auto toml = refusal_of([&] { settings::load(folder / "a.toml"); });
  CHECK(toml.cause == larder::error_cause::invalid_argument);
  CHECK(says(toml,
             "a.toml: this program cannot read TOML; include <larder/config/toml.hpp> in one of its files and link larder::toml, "
             "or write JSON"));
  for (const char* name : {"a.yaml", "a.yml"})
    CHECK(says(refusal_of([&] { settings::load(folder / name); }),
               "this program cannot read YAML; include <larder/config/yaml.hpp>"));
}
