// links: larder::layer
// A transformer that writes text with a quarter of its weights in memory. The forward pass is an ordinary one (rotary attention
// with several heads, RMS norm, SwiGLU); all that changes is where a layer comes from: see `layers` in main. Every logit is
// compared with that of the same model wholly in memory, and a timeline shows how loading hides behind computing.
#include <larder/larder.hpp>
#include <larder/layer/layer_cache.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

// ---- The model: as much like Llama as fits on a page.

constexpr std::size_t vocabulary = 95;  // a token is a character, from the space on
constexpr std::size_t width = 128;      // of what goes from layer to layer
constexpr std::size_t hidden = 256;     // of the MLP
constexpr std::size_t heads = 4;
constexpr std::size_t head_width = width / heads;
constexpr std::size_t blocks = 16;

using numbers = std::vector<float>;
using weights = std::span<const float>;

/// What a forward pass reads of a tensor: `w("attention.q")` of the layer that it is in.
using layer_weights = std::function<weights(const char* tensor)>;

/// y = W x for each row of x; W has a row for each element of y.
numbers multiply(weights w, const numbers& x, std::size_t inputs) {
  const std::size_t outputs = w.size() / inputs;
  const std::size_t rows = x.size() / inputs;
  numbers y(rows * outputs);
  for (std::size_t o = 0; o < outputs; ++o)
    for (std::size_t r = 0; r < rows; ++r) {
      const float* const a = w.data() + o * inputs;
      const float* const b = x.data() + r * inputs;
      float sum = 0;
      for (std::size_t i = 0; i < inputs; ++i) sum += a[i] * b[i];
      y[r * outputs + o] = sum;
    }
  return y;
}

numbers rms_norm(weights gain, const numbers& x) {
  numbers y(x.size());
  for (std::size_t row = 0; row < x.size(); row += width) {
    float square = 0;
    for (std::size_t i = 0; i < width; ++i) square += x[row + i] * x[row + i];
    const float scale = 1 / std::sqrt(square / width + 1e-5F);
    for (std::size_t i = 0; i < width; ++i) y[row + i] = x[row + i] * scale * gain[i];
  }
  return y;
}

/// Turns each pair of a head's elements by an angle that tells the row's place in the text.
void rotate(numbers& x, std::size_t first_position) {
  for (std::size_t row = 0; row * width < x.size(); ++row)
    for (std::size_t i = 0; i < width; i += 2) {
      const float frequency = std::pow(10000.0F, -static_cast<float>(i % head_width) / head_width);
      const float angle = static_cast<float>(first_position + row) * frequency;
      float* const pair = x.data() + row * width + i;
      const float real = pair[0] * std::cos(angle) - pair[1] * std::sin(angle);
      pair[1] = pair[0] * std::sin(angle) + pair[1] * std::cos(angle);
      pair[0] = real;
    }
}

/// Keys and values of the text so far, of one block. They are not weights: they stay in memory.
struct key_values {
  numbers keys;
  numbers values;
};

numbers attend(const numbers& queries, const key_values& seen, std::size_t first_position) {
  numbers y(queries.size());
  for (std::size_t row = 0; row * width < queries.size(); ++row)
    for (std::size_t head = 0; head < heads; ++head) {
      const std::size_t visible = first_position + row + 1;  // nobody sees what comes after
      const float* const q = queries.data() + row * width + head * head_width;
      numbers scores(visible);
      for (std::size_t t = 0; t < visible; ++t) {
        const float* const k = seen.keys.data() + t * width + head * head_width;
        for (std::size_t i = 0; i < head_width; ++i) scores[t] += q[i] * k[i];
        scores[t] /= std::sqrt(static_cast<float>(head_width));
      }
      const float most = *std::max_element(scores.begin(), scores.end());
      float sum = 0;
      for (float& s : scores) sum += s = std::exp(s - most);
      for (std::size_t t = 0; t < visible; ++t)
        for (std::size_t i = 0; i < head_width; ++i)
          y[row * width + head * head_width + i] += scores[t] / sum * seen.values[t * width + head * head_width + i];
    }
  return y;
}

void add(numbers& x, const numbers& y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

/// Tokens in, logits of the one that follows out. It is given one layer after the other, and does not care where from.
class transformer {
 public:
  /// Before the first layer: the tokens to go on with.
  void begin(std::span<const std::size_t> tokens) { tokens_.assign(tokens.begin(), tokens.end()); }

  void run(const std::string& name, const layer_weights& w) {
    if (name == "embedding") {
      const weights table = w("table");
      x_.clear();
      for (const std::size_t token : tokens_) {
        const weights row = table.subspan(token * width, width);
        x_.insert(x_.end(), row.begin(), row.end());
      }
    } else if (name == "output") {
      const numbers last(x_.end() - width, x_.end());
      logits_ = multiply(w("table"), rms_norm(w("norm"), last), width);
      position_ += tokens_.size();
    } else {
      block(w, seen_[std::stoul(name.substr(name.rfind('.') + 1))]);
    }
  }

  const numbers& logits() const { return logits_; }
  std::size_t next_token() const {
    return static_cast<std::size_t>(std::max_element(logits_.begin(), logits_.end()) - logits_.begin());
  }

 private:
  void block(const layer_weights& w, key_values& seen) {
    const numbers x = rms_norm(w("attention.norm"), x_);
    numbers queries = multiply(w("attention.q"), x, width);
    numbers keys = multiply(w("attention.k"), x, width);
    const numbers values = multiply(w("attention.v"), x, width);
    rotate(queries, position_);
    rotate(keys, position_);
    seen.keys.insert(seen.keys.end(), keys.begin(), keys.end());
    seen.values.insert(seen.values.end(), values.begin(), values.end());
    add(x_, multiply(w("attention.out"), attend(queries, seen, position_), width));

    const numbers h = rms_norm(w("mlp.norm"), x_);
    numbers gate = multiply(w("mlp.gate"), h, width);
    const numbers up = multiply(w("mlp.up"), h, width);
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];  // SwiGLU
    add(x_, multiply(w("mlp.down"), gate, hidden));
  }

  std::vector<std::size_t> tokens_;
  std::size_t position_ = 0;  // of the first of them in the text
  numbers x_;
  numbers logits_;
  std::vector<key_values> seen_ = std::vector<key_values>(blocks);
};

std::vector<std::size_t> tokens_of(const std::string& text) {
  std::vector<std::size_t> tokens;
  for (const char c : text) tokens.push_back(static_cast<std::size_t>(c - ' '));
  return tokens;
}

// ---- Its file. The weights are random, the same ones each time.

struct tensor {
  std::string name;
  std::size_t rows;
  std::size_t columns;
  numbers values;
};

std::vector<tensor> make_weights() {
  std::vector<tensor> all;
  std::uint64_t state = 20240601;
  const auto make = [&](const std::string& name, std::size_t rows, std::size_t columns) {
    tensor& t = all.emplace_back(tensor{name, rows, columns, numbers(rows * columns)});
    for (float& v : t.values) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      const float even = static_cast<float>(state >> 40U) / static_cast<float>(1U << 23U) - 1;  // in [-1, 1)
      v = rows == 1 ? 1 + even / 10 : even * std::sqrt(3 / static_cast<float>(columns));
    }
  };
  make("embedding.table", vocabulary, width);
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::string name = "blocks." + std::to_string(b);
    make(name + ".attention.norm", 1, width);
    for (const char* part : {".attention.q", ".attention.k", ".attention.v", ".attention.out"}) make(name + part, width, width);
    make(name + ".mlp.norm", 1, width);
    make(name + ".mlp.gate", hidden, width);
    make(name + ".mlp.up", hidden, width);
    make(name + ".mlp.down", width, hidden);
  }
  make("output.norm", 1, width);
  make("output.table", vocabulary, width);
  return all;
}

const tensor& find(const std::vector<tensor>& all, const std::string& name) {
  return *std::find_if(all.begin(), all.end(), [&](const tensor& t) { return t.name == name; });
}

void write_safetensors(const std::string& path, const std::vector<tensor>& all) {
  std::string header;
  std::size_t offset = 0;
  for (const tensor& t : all) {
    const std::size_t end = offset + t.values.size() * sizeof(float);
    header += (header.empty() ? "{\"" : ",\"") + t.name + "\":{\"dtype\":\"F32\",\"shape\":[" + std::to_string(t.rows) + "," +
              std::to_string(t.columns) + "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t size = header.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&size), sizeof size);
  file << header;
  for (const tensor& t : all)
    file.write(reinterpret_cast<const char*>(t.values.data()), static_cast<std::streamsize>(t.values.size() * sizeof(float)));
}

// ---- What happened when. None of this is needed to run a model.

using moment = std::chrono::steady_clock::time_point;
moment now() { return std::chrono::steady_clock::now(); }
double milliseconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

struct span_of_time {
  moment begin;
  moment end;
};

/// The last load of each layer, written by whichever thread loads.
class load_log {
 public:
  explicit load_log(std::size_t layers) : last_(layers) {}
  void note(std::size_t layer, span_of_time s) {
    const std::lock_guard lock(mutex_);
    last_[layer] = s;
  }
  span_of_time last(std::size_t layer) const {
    const std::lock_guard lock(mutex_);
    return last_[layer];
  }

 private:
  mutable std::mutex mutex_;
  std::vector<span_of_time> last_;
};

/// A source is a list of layers and a function that reads. This one lets another read, and looks at the clock.
class timed_source {
 public:
  timed_source(larder::safetensors file, load_log& log) : file_(std::move(file)), log_(&log) {}
  std::span<const larder::layer_info> layers() const { return file_.layers(); }
  void read(std::size_t layer, std::uint64_t offset, std::span<std::byte> destination) const {
    const moment begin = now();
    file_.read(layer, offset, destination);
    log_->note(layer, {offset == 0 ? begin : log_->last(layer).begin, now()});  // large layers come in pieces
  }

 private:
  larder::safetensors file_;
  load_log* log_;
};

/// A layer in a pass.
struct step {
  std::string name;
  bool was_loaded;  // for this pass
  span_of_time load;
  span_of_time wait;
  span_of_time compute;
};

struct pass_report {
  std::size_t tokens;
  std::vector<step> steps;

  double whole() const { return milliseconds(steps.back().compute.end - steps.front().wait.begin); }
  double sum(span_of_time step::*what) const {
    double all = 0;
    for (const step& s : steps)
      if (what != &step::load || s.was_loaded) all += milliseconds((s.*what).end - (s.*what).begin);
    return all;
  }
};

/// A line for each layer, all on one axis of time.
void print_timeline(const char* title, const pass_report& pass) {
  constexpr std::size_t columns = 72;
  std::printf("\n%s: %.2f ms of loading, of which the computation waited for %.2f ms\n", title, pass.sum(&step::load),
              pass.sum(&step::wait));
  const moment begin = pass.steps.front().wait.begin;
  std::printf("  layer         load     wait  compute   0 ms%*.1f ms\n", static_cast<int>(columns) - 6, pass.whole());
  for (const step& s : pass.steps) {
    std::string bar(columns, ' ');
    const auto draw = [&](moment from, moment to, char mark) {
      if (to <= begin) return;
      const auto column = [&](moment m) {
        return static_cast<std::ptrdiff_t>(std::clamp(milliseconds(m - begin) / pass.whole(), 0.0, 1.0) * (columns - 1));
      };
      std::fill(bar.begin() + column(from), bar.begin() + column(to) + 1, mark);
    };
    if (s.was_loaded) {
      draw(s.load.end, s.compute.begin, '.');
      draw(s.load.begin, s.load.end, '-');
    }
    draw(s.compute.begin, s.compute.end, '#');
    std::printf("  %-10s", s.name.c_str());
    if (s.was_loaded)
      std::printf("%8.2f", milliseconds(s.load.end - s.load.begin));
    else
      std::printf("%8s", "stays");
    std::printf(" %8.2f %8.2f   |%s|\n", milliseconds(s.wait.end - s.wait.begin), milliseconds(s.compute.end - s.compute.begin),
                bar.c_str());
  }
}

}  // namespace

int main() {
  const std::vector<tensor> all = make_weights();
  write_safetensors("transformer.safetensors", all);

  // The file knows its layers and the order of their use; the cache holds a quarter of them.
  larder::safetensors file{"transformer.safetensors"};
  std::uint64_t size = 0;
  for (const larder::layer_info& layer : file.layers()) size += layer.size;
  load_log log(file.layers().size());
  larder::layer_cache layers{timed_source{std::move(file), log}, larder::max_bytes{size / 4}};

  const larder::residency_plan plan = layers.plan();
  std::printf("%zu layers, %s in all; in %s of memory %zu of them stay, the others come through %zu slots\n",
              layers.layer_count(), larder::format_size(size).c_str(), larder::format_size(layers.capacity()).c_str(),
              plan.resident_count, plan.stream_slots);

  const std::vector<std::size_t> prompt = tokens_of("A larder");
  constexpr std::size_t passes = 6;  // the first takes the prompt as a whole, the others the token of the pass before
  std::vector<numbers> logits;
  std::vector<pass_report> reports;
  {
    transformer model;
    std::vector<std::size_t> tokens = prompt;
    auto walk = layers.passes(passes);  // one walk over all passes: while one token ends, the loader begins the next
    auto next = walk.begin();
    for (std::size_t pass = 0; pass < passes; ++pass) {
      std::vector<step> steps;
      model.begin(tokens);
      for (std::size_t i = 0; i < layers.layer_count(); ++i, ++next) {
        const moment asked = now();
        const larder::layer layer = *next;  // a lease: the weights stay where they are while it lives
        const moment came = now();
        model.run(std::string(layer.name()), [&](const char* name) { return layer.tensor(name).as_span<float>(); });

        const span_of_time load = log.last(layer.index());
        const bool was_loaded = reports.empty() || load.end > reports.back().steps[i].compute.begin;
        steps.push_back({std::string(layer.name()), was_loaded, load, {asked, came}, {came, now()}});
      }
      reports.push_back({tokens.size(), std::move(steps)});
      logits.push_back(model.logits());
      tokens = {model.next_token()};
    }
  }

  std::printf(
      "-: being loaded   .: loaded, not needed yet   #: computed with.   A - under a # is a load that nobody waited for.\n");
  print_timeline("The prompt, 8 tokens in one pass", reports.front());
  print_timeline("The last token, alone in its pass", reports.back());

  std::printf("\n  pass   tokens     loads       load       wait    compute      whole\n");
  for (std::size_t i = 0; i < passes; ++i) {
    const pass_report& r = reports[i];
    const auto loads = std::count_if(r.steps.begin(), r.steps.end(), [](const step& s) { return s.was_loaded; });
    std::printf("  %4zu %8zu %9td %7.2f ms %7.2f ms %7.2f ms %7.2f ms\n", i + 1, r.tokens, loads, r.sum(&step::load),
                r.sum(&step::wait), r.sum(&step::compute), r.whole());
  }
  const larder::layer_stats stats = layers.stats();
  std::printf("%llu loads for %zu uses, as planned; lru would have loaded all %zu. %.0f %% of the time of loading was hidden.\n",
              static_cast<unsigned long long>(stats.loads), passes * layers.layer_count(), passes * layers.layer_count(),
              stats.overlap() * 100);

  // The same with every weight in memory, as it was before it was written.
  transformer model;
  std::vector<std::size_t> tokens = prompt;
  std::string text = "A larder";
  std::size_t equal = 0;
  for (std::size_t pass = 0; pass < passes; ++pass) {
    model.begin(tokens);
    for (const larder::layer_info& layer : layers.layers())
      model.run(layer.name, [&](const char* name) -> weights { return find(all, layer.name + "." + name).values; });
    for (std::size_t i = 0; i < vocabulary; ++i) equal += logits[pass][i] == model.logits()[i] ? 1U : 0U;
    tokens = {model.next_token()};
    text += static_cast<char>(' ' + tokens.front());
  }
  std::printf("\"%s\", says the model, whose weights are random; %zu of %zu logits are those of the model in memory\n",
              text.c_str(), equal, passes * vocabulary);
  return equal == passes * vocabulary && stats.loads == plan.expected_loads(passes) ? 0 : 1;
}
