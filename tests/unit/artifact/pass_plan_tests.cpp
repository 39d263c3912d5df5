#include <larder/artifact/pass_plan.hpp>

#include <cstddef>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::step_action;
using larder::artifacts::chain_plan;
using larder::artifacts::known_step;
using larder::artifacts::plan_of;

namespace {

using place = known_step::place;

known_step at(place where) {
  known_step step;
  step.where = where;
  return step;
}
known_step evaluated(known_step step, bool known) {
  step.evaluation.id = "e";
  if (known) step.result = "{}";
  return step;
}
known_step failed() {
  known_step step;
  step.record.emplace();
  step.record->failure.emplace();
  return step;
}
using actions = std::vector<step_action>;
constexpr step_action run = step_action::run, reuse = step_action::reuse, download = step_action::download,
                      skip = step_action::skip;

}  // namespace

TEST_CASE("the plan walks backward from the end to the last output that is there") {
  CHECK(plan_of({}).actions.empty());
  CHECK(plan_of({at(place::nowhere)}).actions == actions{run});
  CHECK(plan_of({at(place::shared), at(place::here), at(place::nowhere)}).actions == actions{skip, reuse, run});
  CHECK(plan_of({at(place::here), at(place::here), at(place::shared)}).actions == actions{skip, skip, download});
}
TEST_CASE("an evaluation that is not known needs its model, or what that is made from") {
  CHECK(plan_of({at(place::shared), evaluated(at(place::shared), false), at(place::shared)}).actions ==
        actions{skip, download, download});
  CHECK(plan_of({at(place::shared), evaluated(at(place::shared), true), at(place::shared)}).actions ==
        actions{skip, skip, download});
  CHECK(plan_of({at(place::here), evaluated(at(place::nowhere), false), at(place::shared)}).actions ==
        actions{reuse, run, download});
}
TEST_CASE("P13: a pass that would run and is known to fail prunes the branch; one that nobody needs does not") {
  const chain_plan pruned = plan_of({at(place::here), failed(), at(place::nowhere)});
  CHECK(pruned.failing == 1);
  CHECK(pruned.actions == actions{skip, skip, skip});
  CHECK_FALSE(plan_of({failed(), at(place::shared)}).failing);
}

TEST_CASE("every plan makes what it needs, from what is there, and touches nothing else") {
  CHECK(rc::check("plans", [](const std::vector<std::pair<int, int>>& given) {
    std::vector<known_step> known;
    for (const auto& [where, evaluation] : given) {
      known_step step = at(static_cast<place>(((where % 3) + 3) % 3));
      if (evaluation % 3 != 0) step = evaluated(step, evaluation % 3 == 1);
      known.push_back(step);
    }
    const std::vector<step_action> plan = plan_of(known).actions;
    RC_ASSERT(plan.size() == known.size());
    for (std::size_t i = 0; i < plan.size(); ++i) {
      const bool is_last = i + 1 == plan.size();
      const bool is_input = !is_last && plan[i + 1] == run;
      const bool is_judged = known[i].is_evaluated() && !known[i].result;
      RC_ASSERT((plan[i] != skip) == (is_last || is_input || is_judged));
      if (plan[i] == run) RC_ASSERT(!known[i].is_available());
      if (plan[i] == reuse) RC_ASSERT(known[i].where == place::here);
      if (plan[i] == download) RC_ASSERT(known[i].where == place::shared);
    }
  }));
}
