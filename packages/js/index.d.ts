/** Rules and context of a question, as `POST /v1/recommendations` takes them. */
export interface Query {
  limit?: number;
  species?: (string | number)[];
  sizes?: (string | number)[];
  ages?: (string | number)[];
  sexes?: (string | number)[];
  breeds?: string[];
  colours?: string[];
  household?: { kids?: boolean; dogs?: boolean; cats?: boolean };
  houseTrained?: boolean;
  specialNeeds?: "none" | "only";
  maxFee?: number;
  latitude?: number;
  longitude?: number;
  postcode?: string;
  maxDistanceKm?: number;
  deny?: { animals?: string[]; breeds?: string[]; groups?: string[] };
  preferences?: Record<string, unknown>;
  context?: Record<string, string | number>;
  filter?: string;
  campaign?: string;
  /** The ids of all answers that the page shows: what comes next, without repeats. */
  continues?: string[];
  /** The ids of a page's answers, to show it again as it was if the visitor did nothing since. */
  repeats?: string[];
}

/** One animal of an answer. What nobody told is left out. */
export interface Animal {
  id: string;
  itemId: string;
  score: number;
  bondedWith?: string[];
  name?: string;
  photo?: string;
  url?: string;
  species?: string;
  breed?: string;
  size?: string;
  age?: string;
  sex?: string;
  colours?: string[];
  shelter?: string;
  waitingDays?: number;
  fee?: number;
  distanceKm?: number;
  bondedNames?: string[];
  /** On a page that is repeated: the animal's own answer, if that is not the first. */
  recommendationId?: string;
}

/** What a visitor did, as `POST /v1/events` takes it; the client adds session, time and id. */
export interface PetEvent {
  eventType: string;
  animal_id?: string | number;
  animalMetadata?: Record<string, string | number>;
  itemId?: string;
  eventId?: string;
  eventValue?: number;
  recommendationId?: string;
  impression?: string[];
  properties?: Record<string, unknown>;
  sentAt?: number;
}

export interface Options {
  /** Where the service is, such as `https://pets.example`; where the script came from if left out. */
  url?: string;
  /** A key of the scope `browser` that names the page's origin. */
  key?: string;
  /** Who is signed in at your site; the page needs `visitorToken` for it. */
  userId?: string;
  /** What your server signed for this visitor (docs/how-to/use-keys.md). */
  visitorToken?: string;
  /** Your own; if left out, one that is kept for 90 days after it was last used. */
  sessionId?: string;
  /** False: nothing is stored in the browser. */
  remember?: boolean;
  /**
   * How long a page may wait, in milliseconds; 1000 if left out. A question that takes longer fails,
   * and what was on the screen for longer does not move.
   */
  timeout?: number;
}

/** Watches the elements with `data-animal-id` in a list. */
export interface Watch {
  recommendationId: string | undefined;
  /** Look for new elements, and take over a new answer's id. */
  look(recommendationId?: string): void;
  cards(): HTMLElement[];
  /** Whether somebody may be reading the card: it has been on the screen for `timeout`. */
  isRead(card: Element): boolean;
}

/** One thing that a search understood; its id in `without` switches it off. */
export interface Reading {
  id: string;
  label: string;
  words: string;
}

export interface SearchAnswer {
  recommendationId: string;
  animals: Animal[];
  total: number;
  rules: Reading[];
  understood: Reading[];
  rest?: string;
  nearest?: { givenUp: Reading[] };
  didYouMean?: string;
  cursor?: string;
}

/** What the client's promises reject with. */
export interface PawsonalizeError extends Error {
  /**
   * `unreachable` for an outage: no network, no answer in `timeout` (then `name` is `TimeoutError`),
   * or an answer that is not the service's. Else the service refused, and this is its code, such as
   * `invalid_input`.
   */
  code: string;
  /** Of the answer, such as 400; missing where none came. */
  status?: number;
  /** The part of the question that is wrong, such as `limit`. */
  field?: string;
}

export class Pawsonalize {
  constructor(options?: Options);
  readonly url: string;
  readonly sessionId: string;
  key: string | undefined;
  userId: string | undefined;
  visitorToken: string | undefined;
  timeout: number;
  /** What elements keep of the page, in this tab. */
  readonly pages: Record<string, string>;

  /**
   * Send an event. True once the service has it; false if that failed: then it is kept and sent
   * again, by a later page if need be, and counts once. Rejects with a `PawsonalizeError` if the
   * service refuses it.
   */
  send(event: PetEvent): Promise<boolean>;

  /** The visitor opens an animal's page from a list: a `view` that the page itself may repeat. */
  open(animalId: string, recommendationId?: string, impression?: string[]): Promise<boolean>;

  /** The best animals for the visitor, best first. Rejects with a `PawsonalizeError`. */
  recommend(query?: Query): Promise<{ recommendationId: string; animals: Animal[] }>;

  /** A board of animals to choose among; without animals where that is not worth its place. */
  board(query?: Query & { size?: number }): Promise<{ boardId: string; animals: Animal[] }>;

  /** Animals that these words find, best first; what was understood, and what nobody fits. */
  search(words: string, query?: Query & { without?: string[] }): Promise<SearchAnswer>;

  /** The order of these animals for the visitor, of which those stay out that are not available. */
  rerank(
    animalIds: string[],
    query?: Query,
  ): Promise<{ recommendationId: string; ranking: string[] }>;

  /**
   * Re-rank the elements with `data-animal-id` where they stand, watch them; the answer's id. With
   * `all`, those move too that may be read by now.
   */
  order(root: Element, query?: Query, all?: boolean): Promise<string>;

  /** Report what is seen and done in a list; `recommendationId` is that of the answer it shows. */
  watch(root: Element | ShadowRoot, recommendationId?: string): Watch;

  /** Send now what is kept. */
  flush(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "pawsonalize-animals": HTMLElement & {
      refresh(all?: boolean): Promise<void>;
      more(): Promise<void>;
      readonly client: Pawsonalize;
    };
    "pawsonalize-board": HTMLElement & { refresh(): Promise<void>; readonly client: Pawsonalize };
    "pawsonalize-search": HTMLElement & { refresh(): Promise<void>; readonly client: Pawsonalize };
  }
}
