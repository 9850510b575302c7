// Checked by `tsc`: what index.d.ts says of the methods is what embed.js has.
import * as written from "../../../src/pawsonalize/site/static/embed.js";
import type * as said from "../index.d.ts";

type Methods =
  "send" | "open" | "recommend" | "board" | "rerank" | "order" | "watch" | "flush";
type Of<T> = { [name in keyof T]: T[name] extends (...given: any) => infer R ? R : never };
type Said = Of<Pick<said.Pawsonalize, Methods>>;
type Written = Of<Pick<InstanceType<typeof written.Pawsonalize>, Methods>>;
const asSaid: keyof said.Pawsonalize = {} as keyof InstanceType<typeof written.Pawsonalize>;
const results: { [name in Methods]: Written[name] extends Promise<unknown> ? true : false } = {
  send: true, open: true, recommend: true, board: true, rerank: true, order: true, watch: false, flush: true,
} satisfies { [name in Methods]: Said[name] extends Promise<unknown> ? true : false };

export async function shown(pets: said.Pawsonalize, list: HTMLElement): Promise<string[]> {
  const query: said.Query = { limit: 6, species: ["dog"], household: { kids: true } };
  const { animals, recommendationId } = await pets.recommend(query);
  pets.watch(list, recommendationId);
  await pets.send({ eventType: "favorite", animal_id: "a-7" });
  await document.createElement("pawsonalize-animals").refresh();
  return animals.map((animal) => animal.name ?? animal.id);
}

export { asSaid, results };
