// What it costs to load layers from a disk, and how well passes over a model larger than memory overlap loading and computing.
//
// Compare the ratios: each is of one round, in which every contender had its turn, to the first one of its case. Every turn is a
// process of its own. CPU is of all its threads, in the kernel too. Peak memory is what was resident at most beyond what was when
// the turn began, mapped pages of the file included. Every contender touches every page of every layer, and what it saw is
// compared with the file. Cold: none of the file is in the page cache, which is asked each time; what a virtual machine's host
// has of it stays.
//   cold_stream     one pass, one layer after the other; larder may hold four layers, the readers reuse one room, or map
//   cold_all        the same, and every layer stays in memory
//   warm_stream     cold_stream out of the page cache; of a mapping a word of each page costs its page tables and no copy
//   warm_all        the same, and every layer stays: what a program pays that is started again on a machine that has the file
//   verified_stream cold_stream by larder alone, without and with comparing each tensor with its digest
//   cgroup_half     passes with 20 ms of computing for each layer, in a control group of half the model and 100 MB
//   throttled_half  the same over a source of a fixed bandwidth, half of the layers in memory: a pass beside its bound, which is
//                   the longer one of computing and of loading what is missing
//   loads_per_pass  how many loads passes take, beside the promise
//   warm_get        a look-up of a layer that is in memory, its lease dropped at once

#include "../child.hpp"
#include "../program.hpp"
#include "../scratch_folder.hpp"
#include "catalogue.hpp"
#include "floors.hpp"
#include "python_peers.hpp"
#include "../targets.hpp"
#include "uring.hpp"

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

/// The cases that read the model.
bool wants_model(const bench::options& wanted) {
  for (const char* const name : {"cold_stream", "cold_all", "warm_stream", "warm_all", "verified_stream", "cgroup_half"})
    if (wanted.wants_case(name)) return true;
  return false;
}

bool measure_files(const bench::options& wanted, bench::figure_list& figures) {
  if (!wants_model(wanted)) return true;
  const std::uint64_t copies = bench::wants_torch(wanted) ? 2 : 1;  // it reads a file of its own
  const bench::scratch_folder scratch(wanted.parent_folder(), copies * wanted.model_size() + wanted.model_size() / 8);
  const bench::model m = bench::write_model(scratch.path() / "model.safetensors", wanted.layers, wanted.layer_size);
  if (!bench::uring::allowed()) std::printf("io_uring is not allowed here: the floor is four threads with O_DIRECT instead\n");
  const bool streams_right = bench::run(bench::streams(m, wanted), wanted, figures);
  return bench::run(bench::limited(m, wanted), wanted, figures) && streams_right;
}

/// Of larder as it is without a word about how to read; the other subjects show what the choice is between.
std::vector<bench::target> targets(const bench::options& wanted, const bench::figure_list& figures) {
  const double layer = static_cast<double>(wanted.layer_size);
  const double layers = static_cast<double>(wanted.layers);
  std::vector<bench::target> all{
      {"cold_stream", "larder", bench::ratio_metric("rate", bench::direct_reader(false).name), true, 0.9},
      {"cold_stream", "larder", "peak memory", false, (4 * layer + 16e6) / bench::mebi},
      {"cold_all", "larder", "peak memory", false, (layers * layer + 16e6) / bench::mebi},
      {"cgroup_half", "larder", bench::ratio_metric("pass", "mmap"), false, 1 / 1.8},
      {"verified_stream", "verified", bench::ratio_metric("rate", "not verified"), true, 0.9}};
  for (const bench::figure& f : figures.figures()) {
    if (f.metric == "pass / bound" && f.subject.starts_with("larder"))
      all.push_back({f.scenario, f.subject, f.metric, false, 1.05});
    if (f.metric == "loads beyond promise") all.push_back({f.scenario, f.subject, f.metric, false, 0});
  }
  all.push_back({"warm_get", "larder", "get", false, 100});
  return all;
}

int measure(const bench::options& wanted) {
  bench::check_names("case", wanted.cases, bench::case_names);
  bench::stop_children_on_signals();
  std::printf("%zu rounds, in each of which every subject has its turn; the model has %zu layers of %zu MiB%s\n", wanted.rounds,
              wanted.layers, wanted.layer_size >> 20U, wanted.quick ? "; --quick: too short and too small to be a figure" : "");
  bench::figure_list figures;
  bool all_right = measure_files(wanted, figures);
  for (const auto& contests : {bench::throttled, bench::loads, bench::warm_gets})
    all_right = bench::run(contests(wanted), wanted, figures) && all_right;
  if (!wanted.quick) std::printf("\n%s", bench::report_of(targets(wanted, figures), figures).c_str());
  if (!wanted.out.empty()) figures.write_json(wanted.out);
  return all_right ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  return bench::run_program("bench_layers", bench::usage, [&] {
    const bench::options wanted = bench::parse(count, arguments);
    if (!wanted.help) return measure(wanted);
    bench::print_help(bench::usage, bench::case_names);
    return 0;
  });
}
