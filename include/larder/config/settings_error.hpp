#pragma once

#include <larder/config/setting.hpp>
#include <larder/core/error.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace larder {

/// What is wrong with settings, in parts: where, why, what was likely meant, and with which cache.
struct settings_mistake {
  setting_origin where{};
  std::string why{};      ///< a sentence without the place
  std::string nearest{};  ///< the name that was most likely meant; empty when none is
  std::string owner{};    ///< the cache, or `manager`, where `mistakes_in` knows it
};

/// What larder throws for settings that cannot be meant: `what()` says it to people, `mistake()` to programs.
class settings_error : public error {
 public:
  explicit settings_error(settings_mistake mistake)
      : error(error_cause::invalid_argument, mistake.where.text() + ": " + mistake.why),
        mistake_(std::make_shared<const settings_mistake>(std::move(mistake))) {}

  const settings_mistake& mistake() const noexcept { return *mistake_; }

 private:
  std::shared_ptr<const settings_mistake> mistake_;  // shared, so that copying one throws nothing
};

namespace config {

[[noreturn, gnu::noinline, gnu::cold]] inline void refuse_at(const setting_origin& where, const std::string& why,
                                                             std::string_view nearest = {}) {
  throw settings_error({where, why, std::string(nearest), {}});
}

}  // namespace config
}  // namespace larder
