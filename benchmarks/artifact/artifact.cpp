// What it costs to know what is there already: outputs of passes, the content of files, packages of models.
//
// Every turn is a process of its own, in turns with the others of its case; ratios are to the first one of the same round.
//   chain          decide a chain of 20 passes of which all outputs are here: `plan`, beside opening and reading 20 files of their records' sizes
//   chain_shared   the same where all is in a shared store that answers after 20 ms, and nothing is here; `run` fetches the last output, too. In round
//                  trips: wall time by 20 ms
//   hash           SHA-256 of files, by one thread, beside OpenSSL's over memory; the files are in the page cache
//   hash_parallel  the same by all processors
//   resolve        a package that is here, by `get` with all of its files, in a process that had it before; beside a stat of each file
//   list           all packages of a store, beside reading each manifest
//   pack_tensors   a model of 32 layers, a fine-tune of 4 of them and one with its layers in another order, packed and put together again; beside storing
//                  each file checked. Of the three, 37.5 % is unlike
//   pack_contents  the same where nobody knows what the files hold

#include "../child.hpp"
#include "../program.hpp"
#include "../scratch_folder.hpp"
#include "catalogue.hpp"

#include <cstdint>
#include <cstdio>

namespace bench {

std::vector<target> targets() {
  return {{"chain", "plan", "decided", false, 1000},
          {"chain", "plan, first of its cache", "decided", false, 1000},
          {"chain_shared", "plan", "round trips", false, 3},
          {"chain_shared", "run", "round trips", false, 20},
          {"hash", "digest_of_file", ratio_metric("rate", "openssl"), true, 0.9},
          {"hash", "file_identifier, one thread", ratio_metric("rate", "openssl"), true, 0.9},
          {"hash_parallel", "file_identifier", ratio_metric("rate", "openssl"), true, 0.9},
          {"resolve", "get", "resolved", false, 50},
          {"list", "list", "listed", false, 100},
          {"pack_tensors", "pack", "room", false, 38},
          {"pack_contents", "pack", "room", false, 40}};
}

namespace {

int measure(const options& wanted) {
  check_names("case", wanted.cases, case_names);
  stop_children_on_signals();
  std::printf("%zu rounds, in each of which every subject has its turn%s\n", wanted.rounds,
              wanted.quick ? "; --quick: too short and too small to be a figure" : "");
  std::fflush(stdout);
  const scratch_folder scratch(wanted.parent_folder(), std::uint64_t{2} * wanted.hashed_bytes());
  figure_list figures;
  bool all_right = run(chains(scratch.path(), wanted), wanted, figures);
  all_right = run(digests(scratch.path(), wanted), wanted, figures) && all_right;
  all_right = run(packages(scratch.path(), wanted), wanted, figures) && all_right;
  all_right = run(packing(scratch.path(), wanted), wanted, figures) && all_right;
  if (!wanted.quick) std::printf("\n%s", report_of(targets(), figures).c_str());
  if (!wanted.out.empty()) figures.write_json(wanted.out);
  return all_right ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
  return bench::run_program("bench_artifact", bench::usage, [&] {
    const bench::options wanted = bench::parse(count, arguments);
    if (!wanted.help) return bench::measure(wanted);
    bench::print_help(bench::usage, bench::case_names);
    return 0;
  });
}
