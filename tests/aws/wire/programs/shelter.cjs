// A program with the AWS SDK for JavaScript, as it is written for Amazon Personalize.
const {
  PersonalizeRuntimeClient,
  GetPersonalizedRankingCommand,
  GetRecommendationsCommand,
} = require("@aws-sdk/client-personalize-runtime");
const { PersonalizeEventsClient, PutEventsCommand } = require("@aws-sdk/client-personalize-events");

async function main(campaignArn, rankingArn, userId, item) {
  const runtime = new PersonalizeRuntimeClient({});
  const events = new PersonalizeEventsClient({});
  const recommend = async () => {
    const question = new GetRecommendationsCommand({ campaignArn, userId, numResults: 3 });
    return (await runtime.send(question)).itemList.map((found) => found.itemId);
  };
  const before = await recommend();
  await events.send(
    new PutEventsCommand({
      trackingId: "pawsonalize",
      userId,
      sessionId: "a session",
      eventList: [{ eventType: "view", itemId: item, sentAt: new Date(), properties: '{"a": "ä"}' }],
    }),
  );
  const after = await recommend();
  const ranking = await runtime.send(
    new GetPersonalizedRankingCommand({
      campaignArn: rankingArn,
      userId,
      inputList: ["unknown", item],
    }),
  );
  const refused = await runtime
    .send(new GetRecommendationsCommand({ campaignArn: campaignArn + "-of-nobody", userId }))
    .catch((error) => [error.name, error.$metadata.httpStatusCode]);
  const ranked = ranking.personalizedRanking.map((found) => found.itemId);
  console.log(JSON.stringify({ before, after, ranked, refused }));
}

main(...process.argv.slice(2));
