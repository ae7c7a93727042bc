#include "train/report_stories.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "eval/evaluated_story.h"
#include "text/thinking.h"
#include "text/words.h"
#include "train/run_files.h"

namespace polaris {
namespace {

constexpr std::size_t kMaxCharacters = 20000;  // of one story or plan on the page

/// Puts a text into the story's card, shortened to what a page can hold.
void put_text(Json& card, const char* key, std::string_view text) {
  const std::string shown = shorten(text, kMaxCharacters);
  if (shown.size() < text.size()) card["cut"] = true;
  card[key] = shown;
}

Json card_of_rollout(const Json& row) {
  const auto text = row.at("text").get<std::string>();
  const SplitResponse response = split_response(text, false, UnclosedThinking::kAsStory);
  Json card = {{"reward", row.at("reward")},
               {"failure", row.at("failure")},
               {"advantage", row.at("advantage")},
               {"parts", row.at("parts")},
               {"stop", row.at("stop")},
               {"words", count_text(response.story, WordForm::kNfc).words}};
  put_text(card, "thinking", response.thinking.value_or(""));
  put_text(card, "story", response.story);
  return card;
}

Json card_of_story(const EvaluatedStory& story) {
  Json card = to_json(story);
  card["words"] = story.words;
  put_text(card, "thinking", story.thinking);
  put_text(card, "story", story.story);
  card.erase("prompt");
  return card;
}

/// The rows of one group: what is shown of it is known when all of it has been read.
struct Group {
  std::string id;
  std::vector<Json> policy;
  std::vector<Json> reference;
};

Json group_json(std::int64_t step, Group group) {
  // Rows without a reward come last: they have no place among the others.
  std::ranges::stable_sort(group.policy, [](const Json& a, const Json& b) {
    const auto key = [](const Json& card) {
      return card["reward"].is_number() ? card["reward"].get<double>() : -1e300;
    };
    return key(a) > key(b);
  });
  Json stories = Json::array();
  const auto add = [&](const char* title, Json card) {
    card["title"] = title;
    stories.push_back(std::move(card));
  };
  if (!group.reference.empty()) add("reference", group.reference.front());
  const std::size_t count = group.policy.size();
  if (count > 0) add(count == 1 ? "policy" : "best", group.policy.front());
  if (count > 2) add("median", group.policy[count / 2]);
  if (count > 1) add("worst", group.policy.back());
  return {{"step", step}, {"id", group.id}, {"stories", std::move(stories)}};
}

/// The first story of each prompt that has a reward.
std::map<std::string, const EvaluatedStory*> by_prompt(const std::vector<EvaluatedStory>& stories) {
  std::map<std::string, const EvaluatedStory*> found;
  for (const EvaluatedStory& story : stories) {
    if (story.score.reward) found.emplace(story.prompt_id, &story);
  }
  return found;
}

}  // namespace

Json shown_groups(const std::filesystem::path& run_dir, std::span<const std::int64_t> steps,
                  std::vector<std::string>& problems) {
  std::map<std::int64_t, std::map<std::int64_t, Group>> found;  // by step and place in it
  for_each_line(run_dir / "rollouts.jsonl", problems, [&](const Json& row) {
    const auto step = row.at("step").get<std::int64_t>();
    if (std::ranges::find(steps, step) == steps.end()) return;
    const Json& id = row.at("id");
    Json card = card_of_rollout(row);
    Group& group = found[step][row.at("group").get<std::int64_t>()];
    group.id = id.is_string() ? id.get<std::string>() : id.dump();
    (row.at("origin") == "reference" ? group.reference : group.policy).push_back(std::move(card));
  });
  Json groups = Json::array();
  for (auto& [step, of_step] : found) {
    auto chosen = std::ranges::find_if(
        of_step, [](const auto& entry) { return !entry.second.reference.empty(); });
    if (chosen == of_step.end()) chosen = of_step.begin();
    groups.push_back(group_json(step, std::move(chosen->second)));
  }
  return groups;
}

Json shown_pair(const std::filesystem::path& run_dir, std::vector<std::string>& problems) {
  const auto steps = validation_steps(run_dir);
  if (steps.size() < 2) return {};
  const auto before = read_validation(run_dir, steps.front(), problems);
  const auto after = read_validation(run_dir, steps.back(), problems);
  struct Change {
    double reward;
    const EvaluatedStory* before;
    const EvaluatedStory* after;
  };
  std::vector<Change> changes;
  const auto later = by_prompt(after);
  for (const auto& [id, story] : by_prompt(before)) {
    const auto same = later.find(id);
    if (same != later.end())
      changes.push_back({*same->second->score.reward - *story->score.reward, story, same->second});
  }
  if (changes.empty()) return {};
  std::ranges::stable_sort(changes, {}, &Change::reward);
  const Change& median = changes[changes.size() / 2];
  return {{"prompt", fmt::format("The prompt whose reward changed by the median amount: {}",
                                 shorten(median.before->prompt, kMaxCharacters))},
          {"before_step", steps.front()},
          {"after_step", steps.back()},
          {"before", card_of_story(*median.before)},
          {"after", card_of_story(*median.after)}};
}

}  // namespace polaris
