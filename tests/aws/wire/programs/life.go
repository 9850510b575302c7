// A short life with the AWS SDK for Go (v2), as a program for Amazon Personalize has it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"
	"github.com/aws/aws-sdk-go-v2/service/personalizeevents"
	events "github.com/aws/aws-sdk-go-v2/service/personalizeevents/types"
	"github.com/aws/aws-sdk-go-v2/service/personalizeruntime"
)

func need[T any](answer T, err error) T {
	if err != nil {
		panic(err)
	}
	return answer
}

func active(status func() *string) {
	for {
		switch found := aws.ToString(status()); found {
		case "ACTIVE":
			return
		case "CREATE FAILED":
			panic(found)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func gone(describe func() error) {
	for {
		var absent *types.ResourceNotFoundException
		if err := describe(); errors.As(err, &absent) {
			return
		} else if err != nil {
			panic(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func main() {
	c := context.Background()
	settings := need(config.LoadDefaultConfig(c))
	p := personalize.NewFromConfig(settings)
	name, schema, place, recipe, role, item := &os.Args[1], &os.Args[2], &os.Args[3], &os.Args[4], &os.Args[5], &os.Args[6]

	group := need(p.CreateDatasetGroup(c, &personalize.CreateDatasetGroupInput{Name: name})).DatasetGroupArn
	describeGroup := &personalize.DescribeDatasetGroupInput{DatasetGroupArn: group}
	active(func() *string { return need(p.DescribeDatasetGroup(c, describeGroup)).DatasetGroup.Status })
	shape := need(p.CreateSchema(c, &personalize.CreateSchemaInput{Name: name, Schema: schema})).SchemaArn
	dataset := need(p.CreateDataset(c, &personalize.CreateDatasetInput{
		Name: name, SchemaArn: shape, DatasetGroupArn: group, DatasetType: aws.String("Interactions"),
	})).DatasetArn
	describeDataset := &personalize.DescribeDatasetInput{DatasetArn: dataset}
	active(func() *string { return need(p.DescribeDataset(c, describeDataset)).Dataset.Status })
	job := need(p.CreateDatasetImportJob(c, &personalize.CreateDatasetImportJobInput{
		JobName: name, DatasetArn: dataset, DataSource: &types.DataSource{DataLocation: place}, RoleArn: role,
	})).DatasetImportJobArn
	active(func() *string {
		return need(p.DescribeDatasetImportJob(c, &personalize.DescribeDatasetImportJobInput{DatasetImportJobArn: job})).DatasetImportJob.Status
	})
	solution := need(p.CreateSolution(c, &personalize.CreateSolutionInput{Name: name, DatasetGroupArn: group, RecipeArn: recipe})).SolutionArn
	describeSolution := &personalize.DescribeSolutionInput{SolutionArn: solution}
	active(func() *string { return need(p.DescribeSolution(c, describeSolution)).Solution.Status })
	version := need(p.CreateSolutionVersion(c, &personalize.CreateSolutionVersionInput{SolutionArn: solution})).SolutionVersionArn
	active(func() *string {
		return need(p.DescribeSolutionVersion(c, &personalize.DescribeSolutionVersionInput{SolutionVersionArn: version})).SolutionVersion.Status
	})
	campaign := need(p.CreateCampaign(c, &personalize.CreateCampaignInput{Name: name, SolutionVersionArn: version})).CampaignArn
	describeCampaign := &personalize.DescribeCampaignInput{CampaignArn: campaign}
	active(func() *string { return need(p.DescribeCampaign(c, describeCampaign)).Campaign.Status })
	tracker := need(p.CreateEventTracker(c, &personalize.CreateEventTrackerInput{Name: name, DatasetGroupArn: group}))

	recommend := func() []string {
		answer := need(personalizeruntime.NewFromConfig(settings).GetRecommendations(c, &personalizeruntime.GetRecommendationsInput{
			CampaignArn: campaign, UserId: aws.String("a visitor"), NumResults: 3,
		}))
		var items []string
		for _, one := range answer.ItemList {
			items = append(items, *one.ItemId)
		}
		return items
	}
	before := recommend()
	need(personalizeevents.NewFromConfig(settings).PutEvents(c, &personalizeevents.PutEventsInput{
		TrackingId: tracker.TrackingId, UserId: aws.String("a visitor"), SessionId: aws.String("a session"),
		EventList: []events.Event{{EventType: aws.String("view"), ItemId: item, SentAt: aws.Time(time.Now())}},
	}))
	after := recommend()

	need(p.DeleteCampaign(c, &personalize.DeleteCampaignInput{CampaignArn: campaign}))
	gone(func() error { _, err := p.DescribeCampaign(c, describeCampaign); return err })
	need(p.DeleteEventTracker(c, &personalize.DeleteEventTrackerInput{EventTrackerArn: tracker.EventTrackerArn}))
	need(p.DeleteSolution(c, &personalize.DeleteSolutionInput{SolutionArn: solution}))
	gone(func() error { _, err := p.DescribeSolution(c, describeSolution); return err })
	need(p.DeleteDataset(c, &personalize.DeleteDatasetInput{DatasetArn: dataset}))
	gone(func() error { _, err := p.DescribeDataset(c, describeDataset); return err })
	need(p.DeleteSchema(c, &personalize.DeleteSchemaInput{SchemaArn: shape}))
	need(p.DeleteDatasetGroup(c, &personalize.DeleteDatasetGroupInput{DatasetGroupArn: group}))
	gone(func() error { _, err := p.DescribeDatasetGroup(c, describeGroup); return err })
	fmt.Println(string(need(json.Marshal(map[string]any{"before": before, "after": after}))))
}
