#include "simulate/curve_panel.hpp"

#include "simulate/chart_axis.hpp"
#include "simulate/number_text.hpp"
#include "simulate/svg_shape.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace simulate {
namespace {

using svg::attribute;

constexpr double strip_above = 8;  // between the curves and the strip
constexpr double strip_height = 18;
constexpr double strip_font = 12;  // 11, but bold

class panel {
 public:
  panel(const trace_result& result, measure what, const panel_frame& frame)
      : result_(result),
        what_(what),
        frame_(frame),
        sizes_(size_axis(result.capacities.front(), result.capacities.back(), result.by, frame.width)),
        ratios_(ratio_axis(lowest(), highest())) {
    for (std::size_t i = 0; i < result.capacities.size(); ++i) best_.push_back(result.best_at(i, what));
  }

  std::string draw() {
    text_ = "<g class=\"panel\">\n";
    draw_titles();
    draw_grid();
    for (std::size_t c = 0; c < result_.curves.size(); ++c)
      if (result_.curves[c].order->is_reference) draw_reference(c);
    for (const bool winners : {false, true})  // those that are best somewhere, on top
      for (std::size_t c = 0; c < result_.curves.size(); ++c)
        if (!result_.curves[c].order->is_reference && wins(c) == winners) draw_curve(c, winners ? 2.6 : 1.8);
    draw_best();
    draw_strip();
    return text_ + "</g>\n";
  }

 private:
  double lowest() const {
    double low = 1;
    for (const policy_curve& curve : result_.curves)
      for (std::size_t i = 0; i < curve.at.size(); ++i) low = std::min(low, curve.value(i, what_));
    return low;
  }
  double highest() const {
    double high = 0;
    for (const policy_curve& curve : result_.curves)
      for (std::size_t i = 0; i < curve.at.size(); ++i) high = std::max(high, curve.value(i, what_));
    return high;
  }
  double bottom() const { return frame_.y + frame_.height; }
  double x_of(double size) const {
    return frame_.x + frame_.width * (std::log(size) - std::log(sizes_.low)) / (std::log(sizes_.high) - std::log(sizes_.low));
  }
  double x_at(std::size_t i) const { return x_of(static_cast<double>(result_.capacities[i])); }
  double y_of(double ratio) const { return bottom() - frame_.height * (ratio - ratios_.low) / (ratios_.high - ratios_.low); }
  double y_at(std::size_t c, std::size_t i) const { return y_of(result_.curves[c].value(i, what_)); }
  bool wins(std::size_t c) const {
    return std::any_of(best_.begin(), best_.end(),
                       [&](const std::vector<std::size_t>& best) { return best.size() == 1 && best.front() == c; });
  }

  void draw_titles() {
    const std::string detail = rounded(result_.requests) + " requests, " + rounded(result_.keys) + " keys" +
                               (result_.by == counted::bytes ? ", " + rounded(result_.footprint_bytes) + "B" : "");
    const std::string name = svg::fitting(printable(result_.name), 16, frame_.width - svg::text_width(detail, 12) - 12);
    text_ += svg::text(frame_.x, frame_.y - 14, name, attribute("class", "name"));
    text_ += svg::text(frame_.x + frame_.width, frame_.y - 14, detail, attribute("class", "detail end"));
    text_ += svg::text(frame_.x + frame_.width / 2, frame_.y + frame_.height + panel_frame::below - 22,
                       result_.by == counted::bytes ? "cache size in bytes" : "cache size in entries",
                       attribute("class", "axis middle"));
    const double x = frame_.x - 46;
    const double y = frame_.y + frame_.height / 2;
    text_ += svg::text(
        x, y, what_ == measure::miss_ratio ? "miss ratio" : "byte miss ratio",
        attribute("class", "axis middle") + attribute("transform", "rotate(-90 " + shortest(x) + " " + shortest(y) + ")"));
  }
  void draw_grid() {
    for (const tick& t : ratios_.ticks) {
      text_ += svg::line(frame_.x, y_of(t.value), frame_.x + frame_.width, y_of(t.value), attribute("class", "grid"));
      text_ += svg::text(frame_.x - 8, y_of(t.value) + 4, t.text, attribute("class", "tick end"));
    }
    const double labels = bottom() + strip_above + strip_height;
    double free_from = frame_.x - panel_frame::left;
    for (const tick& t : sizes_.ticks) {
      const double x = x_of(t.value);
      if (t.text.empty()) {
        text_ += svg::line(x, bottom(), x, bottom() + 4, attribute("class", "mark"));
        continue;
      }
      text_ += svg::line(x, frame_.y, x, bottom(), attribute("class", "grid"));
      const double half = svg::text_width(t.text, 12) / 2;
      if (x - half < free_from || x + half > frame_.x + frame_.width + panel_frame::right) continue;
      free_from = x + half + 6;
      text_ += svg::text(x, labels + 17, t.text, attribute("class", "tick middle"));
    }
  }
  std::string points_of(std::size_t c) const {
    std::string points;
    if (result_.capacities.size() == 1) {  // a level, so that the style of its line can be told
      const std::string y = shortest(y_at(c, 0), 6);
      return shortest(frame_.x, 6) + "," + y + " " + shortest(frame_.x + frame_.width, 6) + "," + y;
    }
    for (std::size_t i = 0; i < result_.capacities.size(); ++i)
      points += (i == 0 ? "" : " ") + shortest(x_at(i), 6) + "," + shortest(y_at(c, i), 6);
    return points;
  }
  void draw_reference(std::size_t c) {
    const bool is_level = result_.capacities.size() == 1;
    const double left = is_level ? frame_.x : x_at(0);
    const double right = is_level ? frame_.x + frame_.width : x_at(result_.capacities.size() - 1);
    text_ += "<polygon" + attribute("class", "beyond") +
             attribute("points", points_of(c) + " " + shortest(right, 6) + "," + shortest(bottom(), 6) + " " + shortest(left, 6) +
                                     "," + shortest(bottom(), 6)) +
             "/>\n";
    draw_curve(c, 2.6);
  }
  void draw_curve(std::size_t c, double width) {
    const policy& order = *result_.curves[c].order;
    text_ += "<g" + attribute("class", "curve") + attribute("data-policy", order.name) + "><title>" +
             escaped_for_xml(order.name) + "</title>";
    text_ += "<polyline" + attribute("points", points_of(c)) + attribute("fill", "none") +
             attribute("stroke", order.style.colour) + attribute("stroke-width", width);
    if (!order.style.dashes.empty()) text_ += attribute("stroke-dasharray", order.style.dashes);
    text_ += "/></g>\n";
  }
  void draw_best() {
    for (std::size_t i = 0; i < best_.size(); ++i) {
      if (best_[i].size() != 1) continue;
      const policy_curve& curve = result_.curves[best_[i].front()];
      text_ += "<circle" + attribute("class", "best") + attribute("cx", x_at(i)) + attribute("cy", y_at(best_[i].front(), i)) +
               attribute("r", 5) + attribute("fill", curve.order->style.colour) + "><title>" +
               escaped_for_xml(std::string(curve.order->name) + ": " + decimal(curve.value(i, what_), 4) + " at " +
                               grouped(result_.capacities[i])) +
               "</title></circle>\n";
    }
  }
  std::string words_for(const std::vector<std::size_t>& best) const {
    if (best.size() > 2) return "equal";
    std::string words;
    for (const std::size_t c : best) words += (words.empty() ? "" : " = ") + std::string(result_.curves[c].order->name);
    return words;
  }
  /// The strip has a field per size, and one field for neighbours with the same best.
  void draw_strip() {
    const double y = bottom() + strip_above;
    const auto boundary = [&](std::size_t i) {  // the left edge of the i-th size's field
      if (i == 0) return frame_.x;
      if (i == best_.size()) return frame_.x + frame_.width;
      return (x_at(i - 1) + x_at(i)) / 2;
    };
    const auto same = [](const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
      return a == b || (a.size() > 2 && b.size() > 2);
    };
    for (std::size_t i = 0; i < best_.size();) {
      std::size_t end = i + 1;
      while (end < best_.size() && same(best_[i], best_[end])) ++end;
      const double left = boundary(i) + 0.75;
      const double width = boundary(end) - boundary(i) - 1.5;
      const bool alone = best_[i].size() == 1;
      const policy* order = alone ? result_.curves[best_[i].front()].order : nullptr;
      const bool hatched = alone && !order->style.dashes.empty();
      const std::string fill = !alone    ? "#ececec"
                               : hatched ? "url(#" + hatching_of(*order) + ")"
                                         : std::string(order->style.colour);
      text_ += svg::rectangle(left, y, width, strip_height, attribute("fill", fill) + attribute("rx", 3));
      std::string words = words_for(best_[i]);
      if (best_[i].size() == 2 && svg::text_width(words, strip_font) > width - 6) words = "equal";
      if (svg::text_width(words, strip_font) <= width - 6) {
        // Light colours and hatchings carry dark letters.
        const bool dark_fill = alone && !hatched && order->style.colour != colours::sky &&
                               order->style.colour != colours::orange && order->style.colour != colours::pink;
        text_ +=
            svg::text(left + width / 2, y + 13, words, attribute("class", dark_fill ? "strip light middle" : "strip middle"));
      }
      i = end;
    }
  }

  const trace_result& result_;
  measure what_;
  panel_frame frame_;
  chart_axis sizes_;
  chart_axis ratios_;
  std::vector<std::vector<std::size_t>> best_;  // per capacity
  std::string text_;
};

}  // namespace

std::string curve_panel(const trace_result& result, measure what, const panel_frame& frame) {
  return panel(result, what, frame).draw();
}

std::string hatching_of(const policy& order) { return "hatched_" + std::string(order.name); }

}  // namespace simulate
