#include "models_command.hpp"

#include "disk/time_text.hpp"
#include "models/model_packages.hpp"
#include "subcommand.hpp"

#include <larder/core/units.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tools {
namespace {

CLI::App& add(CLI::App& models, const char* name, const char* what, models::store_options& chosen) {
  CLI::App& app = *models.add_subcommand(name, what);
  app.add_option("HOME", chosen.home, "the home folder of a package_store")->required();
  app.add_flag("--json", chosen.json, "for programs");
  return app;
}

std::pair<std::string, std::string> divided(const std::string& text, const char* option, const char* form) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size())
    refuse(std::string(option) + ": \"" + text + "\" is not " + form);
  return {text.substr(0, at), text.substr(at + 1)};
}

/// What add and repair are told of where files come from.
struct given_source : models::source_options {
  std::vector<std::string> file_texts, digest_texts, header_texts;
  std::string quota_text;

  void prepare() {
    for (const std::string& text : file_texts) urls.push_back(divided(text, "--file", "NAME=URL"));
    for (const std::string& text : digest_texts) digests.push_back(divided(text, "--digest", "NAME=DIGEST"));
    for (const std::string& text : header_texts) headers.push_back(divided(text, "--header-from", "HEADER=VARIABLE"));
    if (!quota_text.empty()) quota = larder::parse_size(quota_text, 1, "--quota");
  }
};

void add_source(CLI::App& app, given_source& chosen) {
  app.add_option("MODEL", chosen.model, "the model's id, any text")->required();
  app.add_option("PACKAGE", chosen.package, "the package's id: letters, digits and ._+-")->required();
  app.add_option("--file", chosen.file_texts, "NAME=URL; may be given again")->allow_extra_args(false);
  app.add_option("--header-from", chosen.header_texts,
                 "HEADER=VARIABLE: a request header whose value a variable of the environment has; may be given again")
      ->allow_extra_args(false);
  app.add_option("--hub", chosen.hubs, "a Hugging Face cache to take files from, which is only read; may be given again")
      ->allow_extra_args(false);
  app.add_flag("-q,--quiet", chosen.quiet, "no progress");
}

subcommand add_ls(CLI::App& models) {
  auto chosen = std::make_shared<models::store_options>();
  CLI::App& app = add(models, "ls", "The packages: size, files, last use, pinned, ids", *chosen);
  app.footer(R"(Examples:
  larder models ls .cache/models
  larder models ls .cache/models --json | jq -r '.[].model'

Exit codes: 0 done; 1 it could not be read; 2 wrong use)");
  return {&app, [] {}, [chosen] { return models::list_packages(*chosen); }};
}

subcommand add_add(CLI::App& models) {
  auto chosen = std::make_shared<given_source>();
  CLI::App& app = add(models, "add", "Fetch a package; prints its folder", *chosen);
  add_source(app, *chosen);
  app.add_option("--digest", chosen->digest_texts,
                 "NAME=DIGEST of a --file: sha256:..., md5:..., or the digits; may be given again")
      ->allow_extra_args(false);
  app.add_flag("--require-digest", chosen->require_digest, "refuse files without one");
  app.add_option("--quota", chosen->quota_text,
                 "then remove what was used longest ago until the home has no more than this (20GB)");
  app.footer(
      R"(A file that is there under its digest is not fetched. Ctrl-C stops it: whole chunks of 8 MiB stay, and the same command goes on from there.

Examples:
  larder models add .cache/models org/model fp32 --file model.onnx=https://host/model.onnx --digest model.onnx=sha256:...
  TOKEN="Bearer ..." larder models add .cache/models org/model fp32 --file m.bin=https://host/m.bin --header-from Authorization=TOKEN

Exit codes: 0 it is there, whole; 1 it could not be fetched, or is not what its digest says; 2 wrong use; 130 interrupted)");
  return {&app,
          [chosen] {
            chosen->prepare();
            if (chosen->urls.empty()) refuse("larder models add: name at least one --file NAME=URL");
          },
          [chosen] { return models::add_package(*chosen); }};
}

subcommand add_verify(CLI::App& models) {
  auto chosen = std::make_shared<models::verify_options>();
  CLI::App& app =
      add(models, "verify", "Read packages and compare them with their digests; say which files are missing or damaged", *chosen);
  CLI::Option* const model = app.add_option("MODEL", chosen->model, "the model's id; all packages when it is not given");
  CLI::Option* const package = app.add_option("PACKAGE", chosen->package, "the package's id");
  model->needs(package);
  app.add_flag("--quick", chosen->quick, "sizes and places alone");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(R"(Changes nothing.

Exit codes: 0 all are whole; 1 some files are missing or damaged; 2 something could not be read, or wrong use; 130 interrupted)");
  return {&app, [chosen, package] { chosen->one = !package->empty(); }, [chosen] { return models::verify_packages(*chosen); },
          [] { return exit_code::wrong_use; }};
}

subcommand add_repair(CLI::App& models) {
  auto chosen = std::make_shared<given_source>();
  CLI::App& app = add(models, "repair", "Put links back, and fetch the damaged chunks of a package's files", *chosen);
  add_source(app, *chosen);
  app.footer(R"(Addresses are stored nowhere: --file says where a damaged or missing file comes from. The others need none.

Examples:
  larder models repair .cache/models org/model fp32 --file model.onnx=https://host/model.onnx

Exit codes: 0 the package is whole; 1 it could not be made whole; 2 wrong use; 130 interrupted)");
  return {&app, [chosen] { chosen->prepare(); }, [chosen] { return models::repair_package(*chosen); }};
}

CLI::App& add_of_package(CLI::App& models, const char* name, const char* what, models::package_options& chosen) {
  CLI::App& app = add(models, name, what, chosen);
  app.add_option("MODEL", chosen.model, "the model's id")->required();
  app.add_option("PACKAGE", chosen.package, "the package's id")->required();
  return app;
}

subcommand add_pin(CLI::App& models, bool pinned) {
  auto chosen = std::make_shared<models::package_options>();
  CLI::App& app = add_of_package(models, pinned ? "pin" : "unpin",
                                 pinned ? "Keep a package, whatever a quota says" : "Let a quota remove a pinned package again",
                                 *chosen);
  app.footer(std::string(R"(A pin is for all processes, and lasts until unpin or erase. It may be set twice.

Examples:
  larder models )") + (pinned ? "pin" : "unpin") +
             R"( .cache/models org/model fp32

Exit codes: 0 done; 1 there is no such package, or it could not be written; 2 wrong use)");
  return {&app, [] {}, [chosen, pinned] { return models::set_pinned(*chosen, pinned); }};
}

subcommand add_erase(CLI::App& models) {
  auto chosen = std::make_shared<models::package_options>();
  CLI::App& app = add_of_package(models, "erase", "Remove a package, pinned or not", *chosen);
  app.footer(R"(Its blobs stay: another package may have them, and larder models gc removes those that none has. A package that a process
uses is not erased.

Examples:
  larder models erase .cache/models org/model fp32 && larder models gc .cache/models

Exit codes: 0 done; 1 there is no such package, or it is in use; 2 wrong use)");
  return {&app, [] {}, [chosen] { return models::erase_package(*chosen); }};
}

subcommand add_gc(CLI::App& models) {
  struct given : models::collect_options {
    std::string grace_text, quota_text;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(models, "gc", "Remove blobs that no package has, and what was found damaged", *chosen);
  app.add_option("--grace", chosen->grace_text, "keep blobs that are younger (12h)");
  app.add_option("--quota", chosen->quota_text,
                 "then remove packages, least recently used first, until the home has no more than this (20GB)");
  app.footer(R"(Packages that a process uses stay, pinned ones too. Safe beside processes that fetch.

Exit codes: 0 done; 1 it could not be done; 2 wrong use)");
  return {&app,
          [chosen] {
            if (!chosen->grace_text.empty()) chosen->grace = disk::parse_span(chosen->grace_text, "--grace");
            if (!chosen->quota_text.empty()) chosen->quota = larder::parse_size(chosen->quota_text, 1, "--quota");
          },
          [chosen] { return models::collect(*chosen); }};
}

subcommand add_export(CLI::App& models) {
  struct given : models::archive_options {
    std::vector<std::string> names;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(models, "export", "Write packages into one file, for a machine without a network", *chosen);
  app.add_option("FILE", chosen->file, "the archive to write (tar)")->required();
  app.add_option("NAMES", chosen->names, "MODEL PACKAGE, as many pairs as are wanted; all packages when there is none");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer("Exit codes: 0 done; 1 it could not be done, or a file is damaged; 2 wrong use; 130 interrupted");
  return {&app,
          [chosen] {
            if (chosen->names.size() % 2 != 0) refuse("larder models export: a package is named by MODEL PACKAGE");
            for (std::size_t i = 0; i + 1 < chosen->names.size(); i += 2)
              chosen->packages.emplace_back(chosen->names[i], chosen->names[i + 1]);
          },
          [chosen] { return models::export_packages(*chosen); }};
}

subcommand add_import(CLI::App& models) {
  auto chosen = std::make_shared<models::archive_options>();
  CLI::App& app = add(models, "import", "Make the packages of such a file here; everything is compared with its digest", *chosen);
  app.add_option("FILE", chosen->file, "the archive to read")->required();
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer("Exit codes: 0 done; 1 it could not be done, or the file is damaged or none of ours; 2 wrong use; 130 interrupted");
  return {&app, [] {}, [chosen] { return models::import_packages(*chosen); }};
}

}  // namespace

std::function<int()> add_models(CLI::App& larder) {
  CLI::App& app = *larder.add_subcommand(
      "models", "The packages of a package_store: which, whole, how large; fetch, mend, move and remove them");
  app.require_subcommand(1);
  app.footer("`larder models SUBCOMMAND --help` explains a subcommand. All are safe beside processes that use the store.");
  return one_of({add_ls(app), add_add(app), add_verify(app), add_repair(app), add_pin(app, true), add_pin(app, false),
                 add_erase(app), add_gc(app), add_export(app), add_import(app)},
                "; the home folder and what lies in it have to be writable");
}

}  // namespace tools
