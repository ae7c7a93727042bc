// What the tests of the lexical judge do with a sample of stories.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "judge/lexical/defects_testing.h"
#include "judge/lexical/stories_testing.h"
#include "judge/lexical_judge.h"
#include "judge/rubric_score.h"

namespace polaris {

/// What the judge is given to read of a story.
using Variant = std::function<std::string(const lexical::TestStory&)>;
inline const Variant kAsItIs = [](const lexical::TestStory& story) { return story.story; };

inline constexpr std::size_t kDimensions = 16;
using Points = std::array<double, kDimensions>;

inline double range_of(std::size_t dimension) {
  return static_cast<double>(dimension < 6 ? kPositiveMax[dimension] : kNegativeMax[dimension - 6]);
}

inline Verdict verdict_on(const lexical::TestStory& story, const Variant& variant = kAsItIs) {
  return read_lexically({.uid = story.uid, .prompt = story.prompt, .story = variant(story)})
      .verdict;
}

inline double overall(const lexical::TestStory& story, const Variant& variant = kAsItIs) {
  return rubric_score(verdict_on(story, variant)).overall;
}

/// Mean points per dimension, P1 ... P6, N1 ... N10.
inline Points mean_points(const std::vector<lexical::TestStory>& stories,
                          const Variant& variant = kAsItIs) {
  Points mean{};
  for (const lexical::TestStory& story : stories) {
    const Verdict verdict = verdict_on(story, variant);
    for (std::size_t i = 0; i < kDimensions; ++i) {
      const auto points = i < 6 ? verdict.positive[i] : verdict.negative[i - 6];
      mean[i] += static_cast<double>(points) / static_cast<double>(stories.size());
    }
  }
  return mean;
}

inline double mean_overall(const std::vector<lexical::TestStory>& stories,
                           const Variant& variant = kAsItIs) {
  double sum = 0.0;
  for (const lexical::TestStory& story : stories) sum += overall(story, variant);
  return sum / static_cast<double>(stories.size());
}

/// Expects that over the sample each dimension moves strictly monotonically over the three
/// severities of its own defect, by at least 15 % of its range at the strongest, and by less than
/// 5 % under any other's. Prints the movements in percent of the ranges.
inline void check_movements(const std::vector<lexical::TestStory>& stories) {
  constexpr double kClear = 15.0;
  constexpr double kStill = 5.0;
  const Points clean = mean_points(stories);
  const auto& defects = lexical::own_defects();
  ASSERT_EQ(defects.size(), kDimensions);
  std::cout << "defect  ";
  for (const lexical::Defect& defect : defects) std::cout << fmt::format("{:>6}", defect.dimension);
  std::cout << "\n";
  for (std::size_t own = 0; own < kDimensions; ++own) {
    const double direction = own < 6 ? -1.0 : 1.0;
    double before = 0.0;
    for (int severity = 1; severity <= 3; ++severity) {
      const Points spoilt = mean_points(stories, [&](const lexical::TestStory& story) {
        return defects[own].apply(story, severity);
      });
      std::cout << fmt::format("{:<5} {} ", defects[own].dimension, severity);
      for (std::size_t i = 0; i < kDimensions; ++i) {
        const double movement = 100.0 * (spoilt[i] - clean[i]) / range_of(i);
        std::cout << fmt::format("{:>6.1f}", movement);
        if (i != own) {
          EXPECT_LT(std::abs(movement), kStill)
              << defects[own].name << " moves " << defects[i].dimension << " at severity "
              << severity;
          continue;
        }
        EXPECT_GT(direction * movement, before) << defects[own].name << " at " << severity;
        before = direction * movement;
      }
      std::cout << "\n";
    }
    EXPECT_GT(before, kClear) << defects[own].name;
  }
}

}  // namespace polaris
