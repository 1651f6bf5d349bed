-- Accounts that keys have to belong to: the first one seen, or the one the operator named.
CREATE TABLE provider_accounts (
    provider text COLLATE "C" PRIMARY KEY,
    account text NOT NULL,
    livemode boolean NOT NULL,
    pinned_at timestamptz NOT NULL DEFAULT now()
);

-- Events of providers, kept for good: an event counts once, whenever it comes. `root_key` names the
-- object to fetch, and is null for a type that nobody handles.
CREATE TABLE events (
    provider text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    account text NOT NULL,
    livemode boolean NOT NULL,
    api_version text NOT NULL,
    created timestamptz NOT NULL,
    root_key text COLLATE "C",
    state text COLLATE "C" NOT NULL
        CHECK (state IN ('PENDING', 'DONE', 'IGNORED', 'SET_ASIDE', 'FAILED')),
    reason text NOT NULL,
    receive_time timestamptz NOT NULL,
    deliveries integer NOT NULL CHECK (deliveries > 0),
    -- An operator asked for the facts of this event to be sent again.
    replay boolean NOT NULL DEFAULT false,
    traceparent text NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (provider, event_id)
) WITH (fillfactor = 85);

CREATE INDEX events_newest ON events (receive_time DESC, event_id DESC);
CREATE INDEX events_by_state ON events (state, receive_time DESC, event_id DESC);
CREATE INDEX events_open ON events (provider, root_key, receive_time)
    WHERE state IN ('PENDING', 'FAILED');

-- Bodies as they came in, sealed, since they carry client secrets; dropped after 30 days.
CREATE TABLE event_bodies (
    provider text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    receive_time timestamptz NOT NULL,
    PRIMARY KEY (provider, event_id)
);

CREATE INDEX event_bodies_age ON event_bodies (receive_time);

-- What fetches showed. The digest covers all that facts say, the summary leaves persons out.
-- `ticket` orders fetches by their begin: an earlier one never overwrites a later one.
CREATE TABLE provider_objects (
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL DEFAULT 0,
    ticket bigint NOT NULL DEFAULT 0,
    digest bytea NOT NULL DEFAULT '',
    summary jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, provider_account, kind, object_id)
);

CREATE SEQUENCE fetch_tickets AS bigint;

-- Money facts that were made true, kept for good: each is appended once.
CREATE TABLE money_facts (
    fact_id text COLLATE "C" PRIMARY KEY,
    type text NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX money_facts_object ON money_facts (object_id);

-- Calls that make an object at a provider, written down before they are sent.
CREATE TABLE operations (
    id text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    provider_account text COLLATE "C" NOT NULL,
    deployment text NOT NULL,
    parameters bytea NOT NULL,
    parameters_hash bytea NOT NULL,
    object_id text COLLATE "C" NOT NULL DEFAULT '',
    state text COLLATE "C" NOT NULL CHECK (state IN ('STARTED', 'MADE', 'ABANDONED')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX operations_object ON operations (provider, provider_account, object_id)
    WHERE object_id <> '';

-- Requests that all replicas together may still send to one endpoint of a provider.
CREATE TABLE request_tokens (
    endpoint text COLLATE "C" PRIMARY KEY,
    tokens double precision NOT NULL,
    refill_time timestamptz NOT NULL
) WITH (fillfactor = 50);
