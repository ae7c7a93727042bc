#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace polaris::lexical {

/// What a measure found out about one dimension.
struct Finding {
  double share = 0.0;               ///< of the dimension's range, 0 ... 1
  std::string why;                  ///< one line with the measured values
  std::vector<std::string> quotes;  ///< at most two, literally from the story
};

/// The two values of a measure at which a fifth and four fifths of the range are reached. The first
/// may be the larger one: then less is more.
struct Scale {
  double fifth;
  double four_fifths;
};

/// A logistic curve through both points of the scale: never flat, so that bad text that becomes a
/// little better scores a little better.
inline double on(Scale scale, double value) {
  const double place = (value - scale.fifth) / (scale.four_fifths - scale.fifth);  // 0 ... 1
  return 1.0 / (1.0 + std::exp(-std::log(4.0) * (2.0 * place - 1.0)));
}

/// v^2 / (v^2 + half^2): 0 at 0, a half at `half`; a little of a fault costs next to nothing.
inline double charge(double value, double half) {
  return value * value / (value * value + half * half);
}

/// The union of independent charges: 1 - (1 - a) (1 - b).
inline double either(double a, double b) { return 1.0 - (1.0 - a) * (1.0 - b); }

/// Calls work(first, end) for windows that divide `count` words evenly, each as near to `size` as
/// that allows; for none if there are no words.
template <class Work>
void for_each_window(std::size_t count, std::size_t size, Work&& work) {
  if (count == 0) return;
  const std::size_t windows = std::max<std::size_t>(1, (count + size / 2) / size);
  for (std::size_t i = 0; i < windows; ++i) work(count * i / windows, count * (i + 1) / windows);
}

/// `part` per `unit` of `whole`; 0 for an empty whole.
inline double rate(double part, double whole, double unit) {
  return whole > 0.0 ? unit * part / whole : 0.0;
}

}  // namespace polaris::lexical
