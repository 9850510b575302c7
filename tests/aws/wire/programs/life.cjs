// A short life with the AWS SDK for JavaScript (v3), as a program for Amazon Personalize has it.
const personalize = require("@aws-sdk/client-personalize");
const runtime = require("@aws-sdk/client-personalize-runtime");
const events = require("@aws-sdk/client-personalize-events");

const [name, schema, dataLocation, recipeArn, roleArn, itemId] = process.argv.slice(2);
const asked = new runtime.PersonalizeRuntimeClient({});
const control = new personalize.PersonalizeClient({});
const call = (operation, members) => control.send(new personalize[`${operation}Command`](members));

async function active(operation, members, kind) {
  for (;;) {
    const { status, failureReason } = (await call(operation, members))[kind];
    if (status === "ACTIVE") return;
    if (status === "CREATE FAILED") throw new Error(failureReason);
    await new Promise((done) => setTimeout(done, 200));
  }
}

async function gone(operation, members) {
  for (;;) {
    try {
      await call(operation, members);
    } catch (error) {
      if (error.name === "ResourceNotFoundException") return;
      throw error;
    }
    await new Promise((done) => setTimeout(done, 200));
  }
}

async function main() {
  const { datasetGroupArn } = await call("CreateDatasetGroup", { name });
  await active("DescribeDatasetGroup", { datasetGroupArn }, "datasetGroup");
  const { schemaArn } = await call("CreateSchema", { name, schema });
  const datasetType = "Interactions";
  const { datasetArn } = await call("CreateDataset", { name, schemaArn, datasetGroupArn, datasetType });
  await active("DescribeDataset", { datasetArn }, "dataset");
  const job = { jobName: name, datasetArn, dataSource: { dataLocation }, roleArn };
  const { datasetImportJobArn } = await call("CreateDatasetImportJob", job);
  await active("DescribeDatasetImportJob", { datasetImportJobArn }, "datasetImportJob");
  const { solutionArn } = await call("CreateSolution", { name, datasetGroupArn, recipeArn });
  await active("DescribeSolution", { solutionArn }, "solution");
  const { solutionVersionArn } = await call("CreateSolutionVersion", { solutionArn });
  await active("DescribeSolutionVersion", { solutionVersionArn }, "solutionVersion");
  const { campaignArn } = await call("CreateCampaign", { name, solutionVersionArn });
  await active("DescribeCampaign", { campaignArn }, "campaign");
  const { trackingId, eventTrackerArn } = await call("CreateEventTracker", { name, datasetGroupArn });
  const userId = "a visitor";
  const recommend = async () => {
    const question = new runtime.GetRecommendationsCommand({ campaignArn, userId, numResults: 3 });
    return (await asked.send(question)).itemList.map((one) => one.itemId);
  };
  const before = await recommend();
  const eventList = [{ eventType: "view", itemId, sentAt: new Date() }];
  const put = { trackingId, userId, sessionId: "a session", eventList };
  await new events.PersonalizeEventsClient({}).send(new events.PutEventsCommand(put));
  const after = await recommend();
  await call("DeleteCampaign", { campaignArn });
  await gone("DescribeCampaign", { campaignArn });
  await call("DeleteEventTracker", { eventTrackerArn });
  await gone("DescribeEventTracker", { eventTrackerArn });
  await call("DeleteSolution", { solutionArn });
  await gone("DescribeSolution", { solutionArn });
  await call("DeleteDataset", { datasetArn });
  await gone("DescribeDataset", { datasetArn });
  await call("DeleteSchema", { schemaArn });
  await call("DeleteDatasetGroup", { datasetGroupArn });
  await gone("DescribeDatasetGroup", { datasetGroupArn });
  console.log(JSON.stringify({ before, after }));
}

main();
