#include "subject.hpp"

#include <memory>

namespace bench {

subject larder_itself() {
  return {"larder", [](const site& s) { larder_samples(s.samples, s.of("larder")).epoch(stream_options_of({})); },
          [](const site& s, const larder_way& way) -> epoch_walk {
            const auto samples = std::make_shared<larder_samples>(s.samples, s.of("larder"));
            return [samples, way] {
              epoch_marks marks;
              for (const auto& batch : samples->stream(stream_options_of(way)))
                for (const larder::bytes& sample : batch) marks.add(sample.span());
              return marks;
            };
          }};
}

}  // namespace bench
