"""The first tables of the schema `ingest`: connections, deliveries, the feed of events, identity.

It never touches another schema.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE ingest.account (
        account_id UUID NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        merged_into UUID,
        CONSTRAINT pk_account PRIMARY KEY (account_id)
    )
    """,
    """
    CREATE TABLE ingest.api_key (
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        secret_hash BYTEA NOT NULL,
        scopes TEXT[] NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz,
        CONSTRAINT pk_api_key PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE ingest.connection (
        id UUID NOT NULL,
        source TEXT NOT NULL,
        name TEXT NOT NULL,
        settings JSONB DEFAULT '{}' NOT NULL,
        enabled BOOLEAN DEFAULT true NOT NULL,
        rate_per_second DOUBLE PRECISION,
        mapping_version INTEGER DEFAULT 0 NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_connection PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE ingest.delivery (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        id UUID NOT NULL,
        source TEXT NOT NULL,
        connection_id UUID,
        sender TEXT DEFAULT '' NOT NULL,
        received_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        key BYTEA NOT NULL,
        body BYTEA NOT NULL,
        size INTEGER NOT NULL,
        headers JSONB DEFAULT '{}' NOT NULL,
        correlation_id TEXT NOT NULL,
        elements INTEGER NOT NULL,
        state TEXT DEFAULT 'new' NOT NULL,
        relayed INTEGER DEFAULT 0 NOT NULL,
        linked INTEGER DEFAULT 0 NOT NULL,
        duplicates INTEGER DEFAULT 0 NOT NULL,
        ignored INTEGER DEFAULT 0 NOT NULL,
        quarantined INTEGER DEFAULT 0 NOT NULL,
        further INTEGER DEFAULT 0 NOT NULL,
        faults JSONB DEFAULT '[]' NOT NULL,
        closed BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT pk_delivery PRIMARY KEY (id),
        CONSTRAINT ck_delivery_state CHECK (state in ('new', 'done', 'ignored', 'quarantined'))
    )
    PARTITION BY RANGE (id)
    """,
    """
    CREATE INDEX ix_delivery_next_at_id ON ingest.delivery (next_at, id) WHERE next_at is not null
    """,
    """
    CREATE INDEX ix_delivery_state_id ON ingest.delivery (state, id) WHERE state in ('ignored', 'quarantined')
    """,
    """
    CREATE TABLE ingest.event (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        event_id TEXT NOT NULL,
        account_id UUID NOT NULL,
        type TEXT NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        actor TEXT,
        role TEXT,
        item TEXT,
        value DOUBLE PRECISION,
        value_text TEXT,
        properties JSONB DEFAULT '{}' NOT NULL,
        source TEXT NOT NULL,
        connection_id UUID,
        delivery_id UUID,
        correlation_id TEXT DEFAULT '' NOT NULL,
        supersedes TEXT,
        reference TEXT,
        fallbacks TEXT[],
        told_at timestamptz,
        sequence TEXT,
        CONSTRAINT pk_event PRIMARY KEY (id),
        CONSTRAINT uq_event_event_id UNIQUE (event_id)
    )
    """,
    """
    CREATE INDEX ix_event_delivery_id ON ingest.event (delivery_id) WHERE delivery_id is not null
    """,
    """
    CREATE INDEX ix_event_supersedes ON ingest.event (supersedes) WHERE supersedes is not null
    """,
    """
    CREATE INDEX ix_event_reference ON ingest.event (reference) WHERE fallbacks is not null
    """,
    """
    CREATE INDEX ix_event_fallbacks ON ingest.event USING gin (fallbacks) WITH (fastupdate = off)
        WHERE fallbacks is not null
    """,
    """
    CREATE TABLE ingest.event_key (
        key BYTEA NOT NULL,
        period DATE NOT NULL,
        delivery_id UUID NOT NULL,
        content BYTEA,
        CONSTRAINT pk_event_key PRIMARY KEY (key, period)
    )
    PARTITION BY LIST (period)
    """,
    """
    CREATE TABLE ingest.key_period (
        period DATE NOT NULL,
        CONSTRAINT pk_key_period PRIMARY KEY (period)
    )
    """,
    """
    CREATE TABLE ingest.tally (
        day DATE NOT NULL,
        source TEXT NOT NULL,
        connection_id UUID NOT NULL,
        writer INTEGER NOT NULL,
        deliveries BIGINT NOT NULL,
        elements BIGINT NOT NULL,
        newest timestamptz NOT NULL,
        CONSTRAINT pk_tally PRIMARY KEY (day, source, connection_id, writer)
    )
    WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE ingest.counted_day (
        day DATE NOT NULL,
        source TEXT NOT NULL,
        low UUID NOT NULL,
        until UUID NOT NULL,
        reopened BOOLEAN DEFAULT false NOT NULL,
        dropped BOOLEAN DEFAULT false NOT NULL,
        accepted BIGINT NOT NULL,
        done BIGINT NOT NULL,
        ignored BIGINT NOT NULL,
        quarantined BIGINT NOT NULL,
        waiting BIGINT NOT NULL,
        events_accepted BIGINT NOT NULL,
        events_settled BIGINT NOT NULL,
        events_duplicate BIGINT NOT NULL,
        events_ignored BIGINT NOT NULL,
        events_quarantined BIGINT NOT NULL,
        events_unread BIGINT NOT NULL,
        events_missing BIGINT NOT NULL,
        CONSTRAINT pk_counted_day PRIMARY KEY (day, source)
    )
    """,
    """
    CREATE TABLE ingest.chore (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        name TEXT NOT NULL,
        CONSTRAINT pk_chore PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE ingest.import (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        sender TEXT NOT NULL,
        fingerprint TEXT,
        dry_run BOOLEAN DEFAULT false NOT NULL,
        state TEXT DEFAULT 'open' NOT NULL,
        total_lines BIGINT,
        position BIGINT DEFAULT 0 NOT NULL,
        bytes BIGINT DEFAULT 0 NOT NULL,
        accepted BIGINT DEFAULT 0 NOT NULL,
        duplicates BIGINT DEFAULT 0 NOT NULL,
        conflicts BIGINT DEFAULT 0 NOT NULL,
        unmapped BIGINT DEFAULT 0 NOT NULL,
        ignored BIGINT DEFAULT 0 NOT NULL,
        rejected BIGINT DEFAULT 0 NOT NULL,
        blank BIGINT DEFAULT 0 NOT NULL,
        stream_position BIGINT DEFAULT 0 NOT NULL,
        stream_since timestamptz,
        started_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        updated_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        finished_at timestamptz,
        CONSTRAINT pk_import PRIMARY KEY (id),
        CONSTRAINT uq_import_fingerprint_sender_dry_run UNIQUE (fingerprint, sender, dry_run),
        CONSTRAINT ck_import_state CHECK (state in ('open', 'finished', 'cancelled'))
    )
    """,
    """
    CREATE TABLE ingest.import_reject (
        import_id UUID NOT NULL,
        line BIGINT NOT NULL,
        errors JSONB NOT NULL,
        CONSTRAINT pk_import_reject PRIMARY KEY (import_id, line),
        CONSTRAINT fk_import_reject_import_id_import
            FOREIGN KEY(import_id) REFERENCES ingest.import (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE ingest.reference (
        reference TEXT NOT NULL,
        account_id UUID,
        linked_at timestamptz NOT NULL,
        own_id UUID,
        opened BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT pk_reference PRIMARY KEY (reference)
    )
    """,
    """
    CREATE INDEX ix_reference_account_id ON ingest.reference (account_id)
    """,
    """
    CREATE INDEX ix_reference_own_id ON ingest.reference (own_id)
    """,
    """
    CREATE TABLE ingest.reference_link (
        reference TEXT NOT NULL,
        target TEXT NOT NULL,
        at timestamptz NOT NULL,
        kind TEXT NOT NULL,
        told_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        delivery_id UUID,
        author TEXT DEFAULT '' NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_reference_link PRIMARY KEY (reference, target, at, kind),
        CONSTRAINT ck_reference_link_kind
            CHECK (kind in ('link', 'primary', 'removed', 'same', 'hint', 'hand', 'unhand'))
    )
    """,
    """
    CREATE INDEX ix_reference_link_target ON ingest.reference_link (target)
    """,
    """
    CREATE TABLE ingest.erasure (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        id UUID NOT NULL,
        names TEXT[] DEFAULT '{}' NOT NULL,
        author TEXT NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        asked_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        done_at timestamptz,
        events INTEGER DEFAULT 0 NOT NULL,
        deliveries INTEGER DEFAULT 0 NOT NULL,
        left_alone INTEGER DEFAULT 0 NOT NULL,
        CONSTRAINT pk_erasure PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX ix_erasure_next_at_id ON ingest.erasure (next_at, id) WHERE next_at is not null
    """,
    """
    CREATE TABLE ingest.erased_person (
        digest BYTEA NOT NULL,
        erasure_id UUID NOT NULL,
        CONSTRAINT pk_erased_person PRIMARY KEY (digest)
    )
    """,
    """
    CREATE TABLE ingest.waiting_event (
        event_id TEXT NOT NULL,
        reference TEXT NOT NULL,
        since timestamptz DEFAULT clock_timestamp() NOT NULL,
        type TEXT NOT NULL,
        occurred_at timestamptz NOT NULL,
        actor TEXT,
        role TEXT,
        item TEXT,
        value DOUBLE PRECISION,
        value_text TEXT,
        properties JSONB DEFAULT '{}' NOT NULL,
        source TEXT NOT NULL,
        connection_id UUID,
        delivery_id UUID,
        correlation_id TEXT DEFAULT '' NOT NULL,
        supersedes TEXT,
        fallbacks TEXT[],
        told_at timestamptz,
        sequence TEXT,
        CONSTRAINT pk_waiting_event PRIMARY KEY (event_id)
    )
    """,
    """
    CREATE INDEX ix_waiting_event_reference ON ingest.waiting_event (reference)
    """,
    """
    CREATE INDEX ix_waiting_event_fallbacks ON ingest.waiting_event USING gin (fallbacks) WITH (fastupdate = off)
    """,
    """
    CREATE INDEX ix_waiting_event_delivery_id ON ingest.waiting_event (delivery_id)
    """,
    """
    CREATE TABLE ingest.mapping (
        connection_id UUID NOT NULL,
        version INTEGER NOT NULL,
        rules JSONB NOT NULL,
        author TEXT NOT NULL,
        note TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_mapping PRIMARY KEY (connection_id, version),
        CONSTRAINT fk_mapping_connection_id_connection
            FOREIGN KEY(connection_id) REFERENCES ingest.connection (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE ingest.replay (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        id UUID NOT NULL,
        connection_id UUID,
        source TEXT,
        state TEXT,
        received_from timestamptz,
        received_to timestamptz,
        dry_run BOOLEAN NOT NULL,
        author TEXT NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        finished_at timestamptz,
        status TEXT DEFAULT 'running' NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        until UUID,
        position UUID,
        total INTEGER,
        done INTEGER DEFAULT 0 NOT NULL,
        new INTEGER DEFAULT 0 NOT NULL,
        corrected INTEGER DEFAULT 0 NOT NULL,
        retracted INTEGER DEFAULT 0 NOT NULL,
        unchanged INTEGER DEFAULT 0 NOT NULL,
        faults INTEGER DEFAULT 0 NOT NULL,
        examples JSONB DEFAULT '[]' NOT NULL,
        CONSTRAINT pk_replay PRIMARY KEY (id),
        CONSTRAINT ck_replay_status CHECK (status in ('running', 'done', 'cancelled', 'failed'))
    )
    """,
    """
    CREATE INDEX ix_replay_next_at_id ON ingest.replay (next_at, id) WHERE next_at is not null
    """,
    """
    CREATE TABLE ingest.foreseen_fact (
        replay_id UUID NOT NULL,
        key BYTEA NOT NULL,
        delivery_id UUID NOT NULL,
        content BYTEA,
        CONSTRAINT pk_foreseen_fact PRIMARY KEY (replay_id, key),
        CONSTRAINT fk_foreseen_fact_replay_id_replay
            FOREIGN KEY(replay_id) REFERENCES ingest.replay (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE ingest.idempotency (
        key BYTEA NOT NULL,
        content BYTEA NOT NULL,
        answer BYTEA,
        subject TEXT,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_idempotency PRIMARY KEY (key)
    )
    """,
    """
    CREATE TABLE ingest.connection_secret (
        id UUID NOT NULL,
        connection_id UUID NOT NULL,
        sealed BYTEA NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        until timestamptz,
        CONSTRAINT pk_connection_secret PRIMARY KEY (id),
        CONSTRAINT fk_connection_secret_connection_id_connection
            FOREIGN KEY(connection_id) REFERENCES ingest.connection (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE INDEX ix_connection_secret_connection_id ON ingest.connection_secret (connection_id)
    """,
)

# The feed is published: its readers may select it and nothing else of this schema.
GRANT = """
    do $$ begin
        if exists (select from pg_roles where rolname = 'milepost_scoring') then
            grant usage on schema ingest to milepost_scoring;
            grant select on ingest.event to milepost_scoring;
        end if;
        if exists (select from pg_roles where rolname = 'milepost_playbooks') then
            grant usage on schema ingest to milepost_playbooks;
            grant select on ingest.event to milepost_playbooks;
        end if;
    end $$
    """


# Deliveries and keys of facts live in partitions; the housekeeping makes the later ones.
FIRST_PARTITIONS = """
    do $$
    declare
        week date := date_trunc('week', clock_timestamp() at time zone 'UTC');
        today date := clock_timestamp() at time zone 'UTC';
        name text;
        bounds text[];
    begin
        for number in 0..9 loop
            -- An id begins with 48 bits of milliseconds since 1970.
            bounds := bounds || rpad(
                lpad(to_hex((extract(epoch from week + 7 * number) * 1000)::bigint), 12, '0'), 32, '0');
        end loop;
        execute format('create table ingest.delivery_remains partition of ingest.delivery'
            ' for values from (minvalue) to (%L)', bounds[1]::uuid);
        for number in 0..8 loop
            name := 'delivery_' || to_char(week + 7 * number, 'YYYY_MM_DD');
            execute format('create table ingest.%I partition of ingest.delivery for values from (%L) to (%L)',
                name, bounds[number + 1]::uuid, bounds[number + 2]::uuid);
            execute format('alter table ingest.%I add constraint %I unique (key)', name, 'uq_' || name || '_key');
        end loop;
        execute format('create table ingest.%I partition of ingest.event_key for values in (%L)',
            'event_key_' || to_char(today, 'YYYY_MM_DD'), today);
        insert into ingest.key_period (period) values (today);
        insert into ingest.chore (name, next_at)
            select chore, clock_timestamp() from unnest(array['make', 'count', 'drop', 'fold']) as c(chore);
    end $$
    """


def upgrade() -> None:
    """Create every table and the first partitions, then open the published feed to its reader."""
    for statement in (*TABLES, FIRST_PARTITIONS):
        op.execute(statement)
    op.execute(GRANT)


def downgrade() -> None:
    """Drop what `upgrade` created."""
    for name in (
        "import_reject",
        "import",
        "connection_secret",
        "mapping",
        "foreseen_fact",
        "replay",
        "waiting_event",
        "erased_person",
        "erasure",
        "reference_link",
        "reference",
        "chore",
        "counted_day",
        "tally",
        "key_period",
        "event_key",
        "event",
        "delivery",
        "connection",
        "api_key",
        "account",
    ):
        op.execute(f"DROP TABLE ingest.{name}")
