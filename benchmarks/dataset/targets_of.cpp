#include "catalogue.hpp"

namespace bench {

std::vector<target> targets_of(const figure_list& figures) {
  const std::string in_order = ratio_metric("rate", "larder, in order");
  std::vector<target> all;
  for (const char* const name : {"view", "view_shuffled"}) {
    // One of the two is enough.
    const figure* const rate = figures.find(name, "larder", "rate");
    if (rate != nullptr && rate->value >= 3000)
      all.push_back({name, "larder", "rate", true, 3000});
    else
      all.push_back({name, "larder", ratio_metric("rate", "mapping"), true, 0.6});
  }
  for (const char* const name : {"copy", "copy_shuffled"})
    all.push_back({name, "larder", ratio_metric("rate", "mapping"), true, 0.8});
  all.push_back({"cold", "larder, shuffled", in_order, true, 0.8});
  for (const figure& f : figures.figures()) {
    if (f.metric == "beside window") all.push_back({f.scenario, f.subject, f.metric, false, 64});
    if (f.scenario == "first_batch" && f.metric == "read" && f.subject.ends_with("one sample"))
      all.push_back({f.scenario, f.subject, f.metric, false, 1});
    if (f.scenario == "half" && f.metric.starts_with("epoch"))
      for (const bool at_least : {true, false}) all.push_back({f.scenario, f.subject, f.metric, at_least, 0.5});
    if (f.scenario == "resume" && f.metric == "first batch used") all.push_back({f.scenario, f.subject, f.metric, false, 1000});
  }
  return all;
}

}  // namespace bench
