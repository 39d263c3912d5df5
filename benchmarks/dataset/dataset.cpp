// What it costs to go through the samples of a data set: cached, or out of a file, in order or shuffled, in batches of 64.
//
// Compare the ratios: each is of one round, in which every contender had its turn, to the first one of its case. Every turn is a process of
// its own, and uses the first and the last byte of each sample, which are compared with the file's. CPU is of all threads, in the kernel
// too. Cold: none of the file is in the page cache, which is asked each time; what a virtual machine's host has of it stays. Everything
// else is in the page cache. Shuffled: the mapping, LMDB and numpy take the samples in larder's order, the other loaders in their own.
//   view, view_shuffled   samples where they lie, in the third to seventh epoch of the process
//   copy, copy_shuffled   the same, and copied into one buffer of 64 samples that every batch uses again; loaders of Python as they do it
//   first_looks           the first epoch in a process that has just opened its cache
//   cold                  an epoch out of one file of records, of which nothing is kept, beside a thread that reads it from begin to end
//   cold_memory           what such an epoch takes at most beyond what the process had: anonymous memory, and pages of the program
//   first_batch           how much of the file has been read when the first batch is there
//   half                  what the epochs behind the first one find with room for half of the samples; a quarter of the samples
//   resume                from a position in the middle of an epoch to the first batch, all of it in the page cache
//   fill                  the first epoch, which makes the samples (a copy) and keeps them; a quarter of the samples

#include "../child.hpp"
#include "../page_cache.hpp"
#include "../program.hpp"
#include "catalogue.hpp"

#include <cstdio>
#include <vector>

namespace {

int measure(const bench::options& wanted) {
  bench::check_names("case", wanted.cases, bench::case_names);
  bench::stop_children_on_signals();
  const std::size_t count = wanted.samples();
  std::printf("%zu rounds, in each of which every subject has its turn; %zu samples of %zu bytes, batches of %zu%s\n",
              wanted.rounds, count, bench::sample_size, bench::batch_size,
              wanted.quick ? "; --quick: too short and too small to be a figure" : "");
  std::fflush(stdout);
  const bench::scratch_folder scratch(wanted.parent_folder(), std::uint64_t{7} * count * bench::sample_size);
  const bench::site s = bench::make_site(scratch.path(), count);
  if (bench::wants_caches(wanted)) bench::prepare_caches(s, wanted);
  bench::figure_list figures;
  bool all_right = bench::run(bench::walks(s, wanted), wanted, figures);
  all_right = bench::run(bench::readings(s, wanted), wanted, figures) && all_right;
  bench::make_warm(s.samples.path);
  all_right = bench::run(bench::epochs(s, scratch, wanted), wanted, figures) && all_right;
  if (!wanted.quick) std::printf("\n%s", bench::report_of(bench::targets_of(figures), figures).c_str());
  if (!wanted.out.empty()) figures.write_json(wanted.out);
  return all_right ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  return bench::run_program("bench_dataset", bench::usage, [&] {
    const bench::options wanted = bench::parse(count, arguments);
    if (!wanted.help) return measure(wanted);
    bench::print_help(bench::usage, bench::case_names);
    return 0;
  });
}
