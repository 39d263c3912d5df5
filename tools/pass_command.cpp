#include "pass_command.hpp"

#include "disk/time_text.hpp"
#include "pass/chain_explanation.hpp"
#include "pass/entry_moves.hpp"
#include "pass/entry_output.hpp"
#include "subcommand.hpp"

#include <larder/core/units.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

namespace tools {
namespace {

CLI::App& add(CLI::App& pass, const char* name, const char* what, std::string& folder) {
  CLI::App& app = *pass.add_subcommand(name, what);
  app.add_option("DIR", folder, "the cache_dir of the settings")->required();
  return app;
}
constexpr const char* shared_help = "what is shared: https://ACCOUNT.blob.core.windows.net/CONTAINER, or a file of settings";
constexpr const char* credentials = R"(
The account's key or shared access signature is taken from AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN; without them, credentials of az login or
of the machine are looked for. Where records are signed, LARDER_RECORD_KEY is the key that they are signed with.
)";

subcommand add_ls(CLI::App& pass) {
  struct given {
    std::string folder;
    bool json = false;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(pass, "ls", "What is cached: id, pass, size, age; least recently used first", chosen->folder);
  app.add_flag("--json", chosen->json, "an array of objects, one a line");
  app.footer(R"(Examples:
  larder pass ls .olive-cache
  larder pass ls .olive-cache --json | jq -r '.[] | select(.failure) | .id'

Exit codes: 0 done; 1 it could not be read; 2 wrong use)");
  return {&app, [] {}, [chosen] { return passes::list_entries(chosen->folder, chosen->json); }};
}

subcommand add_show(CLI::App& pass) {
  struct given {
    std::string folder;
    std::string id;
    bool json = false;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(pass, "show", "One entry: its key, its files, who made it", chosen->folder);
  app.add_option("ID", chosen->id, "its id, or the first digits")->required();
  app.add_flag("--json", chosen->json, "one object");
  app.footer(R"(Examples:
  larder pass show .olive-cache 3f0a9c12
  larder pass show .olive-cache 3f0a9c12 --json | jq .key.pass_config

Exit codes: 0 done; 1 there is no such entry, or several; 2 wrong use)");
  return {&app, [] {}, [chosen] { return passes::show_entry(chosen->folder, chosen->id, chosen->json); }};
}

subcommand add_explain(CLI::App& pass) {
  auto chosen = std::make_shared<passes::explain_options>();
  CLI::App& app = add(pass, "explain", "What a run of a chain would do, and why a pass would run", chosen->folder);
  app.add_option("CHAIN", chosen->chain,
                 R"(a file: [{"name": "OnnxConversion", "config": {...}, "accelerator": ..., "evaluator": ...}, ...])")
      ->required();
  app.add_option("--input", chosen->input, "the id of the model that the chain begins with")->required();
  app.add_option("--shared", chosen->shared, shared_help);
  app.add_flag("--json", chosen->json, "an array of objects, one a line");
  app.footer(std::string(R"(Reads records alone: nothing runs, and no byte of a model moves.
)") + credentials +
             R"(
Examples:
  larder pass explain .olive-cache chain.json --input 0a1b2c3d
  larder pass explain .olive-cache chain.json --input 0a1b2c3d --shared workflow.json --json | jq '[.[].bytes] | add'

Exit codes: 0 done; 1 a pass of the chain is known to fail, or something could not be read; 2 wrong use)");
  return {&app, [] {}, [chosen] { return passes::explain_chain(*chosen); }};
}

subcommand add_prune(CLI::App& pass) {
  struct given : passes::prune_options {
    std::string older, unused, size, grace;
  };
  auto chosen = std::make_shared<given>();
  CLI::App& app = add(pass, "prune", "Remove what is old, unused or too much; contents that others need stay", chosen->folder);
  app.add_option("--older-than", chosen->older, "made longer ago than this: 30d, 12h, 2w");
  CLI::Option* const unused = app.add_option("--unused-for", chosen->unused, "last used longer ago than this");
  app.add_option("--max-size", chosen->size, "then the least recently used until so much is left: 50GB");
  CLI::Option* const shared =
      app.add_option("--shared", chosen->shared, "prune this store, for everybody, instead of the folder")->excludes(unused);
  app.add_option("--grace", chosen->grace, "keep contents of that store that are younger (a day when it is not given)")
      ->needs(shared);
  app.add_flag("--dry-run", chosen->limits.dry_run, "say what would leave");
  app.add_flag("--json", chosen->json, "one object");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(
      std::string(
          R"(Without a limit only what nobody can find again leaves. Pinned entries stay. In a shared store last uses are not known, and what is too much leaves by
age; contents that are younger than --grace stay there, since somebody may be publishing, and leave with a later prune.
)") + credentials +
      R"(
Examples:
  larder pass prune .olive-cache --unused-for 30d --max-size 50GB
  larder pass prune .olive-cache --shared workflow.json --older-than 90d --dry-run

Exit codes: 0 done; 1 it could not be done; 2 wrong use; 130 interrupted)");
  return {&app,
          [chosen] {
            if (!chosen->older.empty()) chosen->limits.max_age = disk::parse_span(chosen->older, "--older-than");
            if (!chosen->unused.empty()) chosen->limits.max_idle = disk::parse_span(chosen->unused, "--unused-for");
            if (!chosen->size.empty()) chosen->limits.max_bytes = larder::parse_size(chosen->size, 1, "--max-size");
            if (!chosen->grace.empty()) chosen->limits.grace = disk::parse_span(chosen->grace, "--grace");
          },
          [chosen] { return passes::prune_entries(*chosen); }};
}

subcommand add_move(CLI::App& pass, const char* name, const char* what, bool needs_ids, int (*work)(const passes::move_options&),
                    const char* examples) {
  auto chosen = std::make_shared<passes::move_options>();
  CLI::App& app = add(pass, name, what, chosen->folder);
  CLI::Option* const ids = app.add_option(
      "ID", chosen->ids, needs_ids ? "whole ids" : "ids, or their first digits; without one, all that is not published");
  if (needs_ids) ids->required();
  app.add_option("--shared", chosen->shared, shared_help)->required();
  app.add_flag("--json", chosen->json, "an array of objects, one a line");
  app.add_flag("-q,--quiet", chosen->quiet, "no progress");
  app.footer(std::string(credentials) + "\nExamples:\n" + examples +
             "\n\nExit codes: 0 done; 1 some could not be moved; 2 wrong use; 130 interrupted");
  return {&app, [] {}, [chosen, work] { return work(*chosen); }};
}

}  // namespace

std::function<int()> add_pass(CLI::App& larder) {
  CLI::App& pass = *larder.add_subcommand("pass", "What passes made, in the folder of a pass_cache");
  pass.require_subcommand(1);
  return one_of({add_ls(pass), add_show(pass), add_explain(pass), add_prune(pass),
                 add_move(pass, "pull", "Bring outputs from a shared store", true, passes::pull_entries,
                          "  larder pass pull .olive-cache --shared workflow.json $(jq -r .id wanted.json)"),
                 add_move(pass, "push", "Put outputs into a shared store", false, passes::push_entries,
                          "  larder pass push .olive-cache --shared https://acct.blob.core.windows.net/models")});
}

}  // namespace tools
