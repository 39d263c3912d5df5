#pragma once

#include <larder/layer/layer.hpp>
#include <larder/layer/layer_schedule.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

namespace larder {

/// The layers in the order of a pass, each as a lease, while the loader works ahead. One walk: `begin()` may be called
/// once. Drop each lease before the next step (a loop variable does): a held one keeps its slot from the loader. The
/// cache must outlive it. Each step throws what loading its layer threw.
template <class Engine>
class layer_pass {
 public:
  layer_pass(Engine& engine, std::shared_ptr<layers::layer_schedule> schedule) noexcept
      : engine_(&engine), schedule_(std::move(schedule)) {}
  layer_pass(layer_pass&& other) noexcept : engine_(other.engine_), schedule_(std::move(other.schedule_)) {}
  layer_pass& operator=(layer_pass&&) = delete;
  ~layer_pass() {
    if (schedule_ != nullptr) engine_->end_pass(schedule_);
  }

  class iterator {
   public:
    using value_type = layer;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using reference = layer;
    using pointer = void;

    iterator() noexcept = default;
    iterator(const layer_pass* pass, std::uint64_t step) noexcept : pass_(pass), step_(step) {}
    /// The step's layer, which is a use: asking twice counts twice.
    layer operator*() const { return pass_->engine_->get(pass_->schedule_->at(step_), &pass_->schedule_, step_); }
    iterator& operator++() noexcept {
      ++step_;
      return *this;
    }
    void operator++(int) noexcept { ++step_; }
    bool at_end() const noexcept { return step_ >= pass_->schedule_->steps(); }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return i.at_end(); }

   private:
    const layer_pass* pass_ = nullptr;
    std::uint64_t step_ = 0;
  };

  iterator begin() const {
    engine_->begin_pass(schedule_);
    return {this, 0};
  }
  std::default_sentinel_t end() const noexcept { return {}; }
  /// How many layers it goes over in all.
  std::uint64_t size() const noexcept { return schedule_->steps(); }

 private:
  Engine* engine_;
  std::shared_ptr<layers::layer_schedule> schedule_;
};

}  // namespace larder
