"""The first tables of the schema `scoring`: records, signals' sources, scores, the feed of changes.

It never touches another schema.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE scoring.account (
        account_id UUID NOT NULL,
        name TEXT DEFAULT '' NOT NULL,
        segment TEXT,
        owner TEXT,
        start_at timestamptz NOT NULL,
        start_settled_at timestamptz DEFAULT 'infinity' NOT NULL,
        started_at timestamptz,
        started_told_at timestamptz,
        started_sequence TEXT,
        first_seen_at timestamptz NOT NULL,
        named_at timestamptz,
        attributes JSONB DEFAULT '{}' NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT pk_account PRIMARY KEY (account_id)
    )
    """,
    """
    CREATE TABLE scoring.account_reference (
        reference TEXT NOT NULL,
        account_id UUID NOT NULL,
        occurred_at timestamptz NOT NULL,
        absorbed_id UUID,
        told_by_id BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_account_reference PRIMARY KEY (reference)
    )
    """,
    """
    CREATE INDEX ix_account_reference_account_id ON scoring.account_reference (account_id)
    """,
    """
    CREATE INDEX ix_account_reference_near ON scoring.account_reference (reference text_pattern_ops)
    """,
    """
    CREATE TABLE scoring.merged_account (
        account_id UUID NOT NULL,
        survivor_id UUID NOT NULL,
        into_id UUID,
        merged_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_merged_account PRIMARY KEY (account_id)
    )
    """,
    """
    CREATE INDEX ix_merged_account_survivor_id ON scoring.merged_account (survivor_id)
    """,
    """
    CREATE TABLE scoring.attribute (
        account_id UUID NOT NULL,
        name TEXT NOT NULL,
        event_id TEXT NOT NULL,
        value JSONB,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        superseded_at timestamptz,
        sequence TEXT,
        came_from UUID,
        CONSTRAINT pk_attribute PRIMARY KEY (account_id, name, event_id)
    )
    """,
    """
    CREATE TABLE scoring.record (
        account_id UUID NOT NULL,
        event_id TEXT NOT NULL,
        type TEXT NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        actor TEXT,
        role TEXT,
        item TEXT,
        value DOUBLE PRECISION,
        value_text TEXT,
        due_at timestamptz,
        properties JSONB DEFAULT '{}' NOT NULL,
        source TEXT DEFAULT '' NOT NULL,
        superseded_at timestamptz,
        sequence TEXT,
        told_at timestamptz,
        expires_at timestamptz,
        came_from UUID,
        CONSTRAINT pk_record PRIMARY KEY (account_id, event_id)
    )
    """,
    "CREATE INDEX ix_record_account_id_occurred_at ON scoring.record (account_id, occurred_at)",
    "CREATE INDEX ix_record_account_id_type_occurred_at ON scoring.record (account_id, type, occurred_at)",
    """
    CREATE INDEX ix_record_account_id_expires_at ON scoring.record (account_id, expires_at)
        WHERE expires_at is not null
    """,
    """
    CREATE INDEX ix_record_account_id_due_at ON scoring.record (account_id, due_at) WHERE due_at is not null
    """,
    "CREATE INDEX ix_record_account_id ON scoring.record (account_id) WHERE properties ? 'open'",
    "CREATE INDEX ix_record_own ON scoring.record (account_id) WHERE event_id like 'own:%'",
    "CREATE INDEX ix_record_superseded ON scoring.record (account_id) WHERE superseded_at is not null",
    """
    CREATE TABLE scoring.rescoring (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        account_id UUID NOT NULL,
        marked BIGINT DEFAULT 0 NOT NULL,
        cause TEXT DEFAULT 'silence' NOT NULL,
        late BOOLEAN DEFAULT false NOT NULL,
        correlation_id TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_rescoring PRIMARY KEY (account_id)
    )
    """,
    """
    CREATE INDEX ix_rescoring_next_at_account_id ON scoring.rescoring (next_at, account_id) WHERE next_at is not null
    """,
    """
    CREATE TABLE scoring.snapshot (
        account_id UUID NOT NULL,
        as_of timestamptz NOT NULL,
        computed_at timestamptz NOT NULL,
        model_id TEXT NOT NULL,
        model_version INTEGER NOT NULL,
        score DOUBLE PRECISION,
        display DOUBLE PRECISION,
        band TEXT NOT NULL,
        effective_band TEXT NOT NULL,
        coverage DOUBLE PRECISION NOT NULL,
        confidence DOUBLE PRECISION NOT NULL,
        inputs_hash TEXT NOT NULL,
        readings JSONB NOT NULL,
        detail JSONB NOT NULL,
        lineup BIGINT DEFAULT 0 NOT NULL,
        cohort_id BIGINT,
        override_id UUID,
        correlation_id TEXT DEFAULT '' NOT NULL,
        feed_behind BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_snapshot PRIMARY KEY (account_id, as_of)
    )
    """,
    """
    CREATE TABLE scoring.standing (
        account_id UUID NOT NULL,
        band TEXT,
        pending_direction TEXT,
        pending_since timestamptz,
        effective_band TEXT NOT NULL,
        published_score DOUBLE PRECISION,
        display DOUBLE PRECISION,
        content_digest TEXT NOT NULL,
        snapshot_as_of timestamptz NOT NULL,
        as_of timestamptz NOT NULL,
        lineup BIGINT DEFAULT 0 NOT NULL,
        journey TEXT,
        milestones JSONB DEFAULT '{}' NOT NULL,
        stale BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT pk_standing PRIMARY KEY (account_id)
    )
    """,
    """
    CREATE TABLE scoring.health_document (
        account_id UUID NOT NULL,
        body BYTEA NOT NULL,
        etag TEXT NOT NULL,
        score DOUBLE PRECISION,
        band TEXT NOT NULL,
        effective_band TEXT NOT NULL,
        stage TEXT,
        segment TEXT,
        owner TEXT,
        name TEXT NOT NULL,
        computed_at timestamptz NOT NULL,
        as_of timestamptz NOT NULL,
        fresh_until timestamptz NOT NULL,
        change_28d DOUBLE PRECISION,
        top_reason TEXT DEFAULT '' NOT NULL,
        confidence_word TEXT NOT NULL,
        model_id TEXT NOT NULL,
        journey TEXT,
        urgency DOUBLE PRECISION NOT NULL,
        CONSTRAINT pk_health_document PRIMARY KEY (account_id)
    )
    """,
    """
    CREATE INDEX ix_health_document_urgency_account_id ON scoring.health_document (urgency, account_id)
    """,
    """
    CREATE INDEX ix_health_document_by_band ON scoring.health_document (effective_band, urgency, account_id)
    """,
    """
    CREATE INDEX ix_health_document_by_owner ON scoring.health_document (owner, urgency, account_id)
    """,
    """
    CREATE INDEX ix_health_document_by_segment ON scoring.health_document (segment, urgency, account_id)
    """,
    """
    CREATE INDEX ix_health_document_by_score ON scoring.health_document (coalesce(score, 101), account_id)
    """,
    """
    CREATE INDEX ix_health_document_by_score_down ON scoring.health_document (coalesce(score, -1), account_id)
    """,
    """
    CREATE INDEX ix_health_document_by_name ON scoring.health_document (lower(name), account_id)
    """,
    """
    CREATE INDEX ix_health_document_near_name ON scoring.health_document (lower(name) text_pattern_ops)
    """,
    """
    CREATE INDEX ix_health_document_by_change ON scoring.health_document (coalesce(change_28d, 101), account_id)
    """,
    """
    CREATE INDEX ix_health_document_by_change_down ON scoring.health_document (coalesce(change_28d, -101), account_id)
    """,
    """
    CREATE INDEX ix_health_document_computed_at_account_id ON scoring.health_document (computed_at, account_id)
    """,
    """
    CREATE UNLOGGED TABLE scoring.stale_answer (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        account_id UUID,
        reference TEXT,
        told_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        written_by BIGINT DEFAULT pg_current_xact_id()::text::bigint NOT NULL,
        CONSTRAINT pk_stale_answer PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX ix_stale_answer_written_by ON scoring.stale_answer (written_by)
    """,
    """
    CREATE TABLE scoring.change (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        account_id UUID NOT NULL,
        kind TEXT NOT NULL,
        from_band TEXT,
        to_band TEXT NOT NULL,
        from_score DOUBLE PRECISION,
        to_score DOUBLE PRECISION,
        cause TEXT NOT NULL,
        model_id TEXT NOT NULL,
        model_version INTEGER NOT NULL,
        as_of timestamptz NOT NULL,
        computed_at timestamptz NOT NULL,
        snapshot_as_of timestamptz NOT NULL,
        correlation_id TEXT DEFAULT '' NOT NULL,
        subject TEXT,
        detail JSONB DEFAULT '{}' NOT NULL,
        CONSTRAINT pk_change PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX ix_change_account_id_id ON scoring.change (account_id, id)
    """,
    """
    CREATE TABLE scoring.restated_point (
        account_id UUID NOT NULL,
        model_id TEXT NOT NULL,
        model_version INTEGER NOT NULL,
        day DATE NOT NULL,
        as_of timestamptz NOT NULL,
        score DOUBLE PRECISION,
        band TEXT NOT NULL,
        raw_score DOUBLE PRECISION,
        CONSTRAINT pk_restated_point PRIMARY KEY (account_id, model_id, model_version, day)
    )
    """,
    """
    CREATE TABLE scoring.model_version (
        model_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        title TEXT NOT NULL,
        document JSONB NOT NULL,
        text TEXT NOT NULL,
        digest TEXT NOT NULL,
        author TEXT NOT NULL,
        note TEXT DEFAULT '' NOT NULL,
        shipped BOOLEAN DEFAULT false NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_model_version PRIMARY KEY (model_id, version)
    )
    """,
    """
    CREATE TABLE scoring.activation (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        at timestamptz DEFAULT clock_timestamp() NOT NULL,
        model_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        active BOOLEAN NOT NULL,
        author TEXT NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_activation PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_activation_model_id_id ON scoring.activation (model_id, id)",
    """
    CREATE TABLE scoring.cohort (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        model_id TEXT NOT NULL,
        model_version INTEGER NOT NULL,
        as_of timestamptz NOT NULL,
        accounts BIGINT NOT NULL,
        tables JSONB NOT NULL,
        medians JSONB NOT NULL,
        CONSTRAINT pk_cohort PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_cohort_model_id_model_version_as_of ON scoring.cohort (model_id, model_version, as_of)",
    """
    CREATE TABLE scoring.override (
        account_id UUID NOT NULL,
        id UUID NOT NULL,
        band TEXT,
        score DOUBLE PRECISION,
        reason TEXT NOT NULL,
        author TEXT NOT NULL,
        told_by TEXT NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        expires_at timestamptz NOT NULL,
        ended_at timestamptz,
        ended_by TEXT,
        ended_because TEXT,
        CONSTRAINT pk_override PRIMARY KEY (account_id, id)
    )
    """,
    """
    CREATE TABLE scoring.note (
        account_id UUID NOT NULL,
        id UUID NOT NULL,
        visibility TEXT NOT NULL,
        text TEXT NOT NULL,
        author TEXT NOT NULL,
        told_by TEXT NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        snapshot_as_of timestamptz,
        score DOUBLE PRECISION,
        band TEXT,
        deleted_at timestamptz,
        deleted_by TEXT,
        CONSTRAINT pk_note PRIMARY KEY (account_id, id)
    )
    """,
    """
    CREATE TABLE scoring.feedback (
        account_id UUID NOT NULL,
        id UUID NOT NULL,
        because TEXT NOT NULL,
        signal TEXT,
        expected_band TEXT,
        author TEXT NOT NULL,
        told_by TEXT NOT NULL,
        owner TEXT NOT NULL,
        state TEXT DEFAULT 'open' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        snapshot_as_of timestamptz,
        score DOUBLE PRECISION,
        band TEXT,
        model_id TEXT,
        model_version INTEGER,
        answer TEXT,
        verdict TEXT,
        answered_by TEXT,
        answered_at timestamptz,
        CONSTRAINT pk_feedback PRIMARY KEY (account_id, id)
    )
    """,
    "CREATE INDEX ix_feedback_id ON scoring.feedback (id)",
    "CREATE INDEX ix_feedback_state_created_at ON scoring.feedback (state, created_at)",
    """
    CREATE TABLE scoring.restatement (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        id UUID NOT NULL,
        from_day DATE NOT NULL,
        to_day DATE NOT NULL,
        every_days INTEGER DEFAULT 1 NOT NULL,
        model_id TEXT,
        model_version INTEGER,
        lineup BIGINT NOT NULL,
        state TEXT DEFAULT 'waiting' NOT NULL,
        done_upto UUID,
        accounts BIGINT DEFAULT 0 NOT NULL,
        accounts_done BIGINT DEFAULT 0 NOT NULL,
        points BIGINT DEFAULT 0 NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        requested_by TEXT DEFAULT '' NOT NULL,
        requested_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        started_at timestamptz,
        moved_at timestamptz,
        ended_at timestamptz,
        CONSTRAINT pk_restatement PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_restatement_next_at_id ON scoring.restatement (next_at, id) WHERE next_at is not null",
    """
    CREATE TABLE scoring.idempotency (
        key BYTEA NOT NULL,
        content BYTEA NOT NULL,
        answer BYTEA,
        subject TEXT,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_idempotency PRIMARY KEY (key)
    )
    """,
    """
    CREATE TABLE scoring.cursor (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        feed TEXT NOT NULL,
        position BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_cursor PRIMARY KEY (feed)
    )
    """,
    """
    CREATE TABLE scoring.chore (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        name TEXT NOT NULL,
        CONSTRAINT pk_chore PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE scoring.unreadable (
        account_id UUID NOT NULL,
        event_row_id BIGINT NOT NULL,
        reason TEXT NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_unreadable PRIMARY KEY (account_id, event_row_id)
    )
    """,
    """
    CREATE TABLE scoring.api_key (
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
)

# What a sender writes as a day or an instant may be anything: what cannot be read is no instant, not an error. Nor is
# what lies so far away that nobody can count days from it.
INSTANT_OF = """
    create function scoring.instant_of(written text) returns timestamptz
    language plpgsql stable parallel safe strict set timezone = 'UTC' as $$
    declare
        found timestamptz;
    begin
        found := case when written ~ '^\\d{4}-\\d{2}-\\d{2}' then written::timestamptz end;
        return case when found >= '1970-01-01+00' and found < '2200-01-01+00' then found end;
    exception when data_exception or invalid_datetime_format or datetime_field_overflow then
        return null;
    end $$
    """

# A document is written and read far more often than it is worth its compression.
UNCOMPRESSED = "alter table scoring.health_document alter column body set storage external"

# Whoever changes what an account is answered with, or which account a name leads to, says so in the same transaction,
# however it was done: memories of answers are dropped by these rows, and the bell only makes it quicker.
STALE_ANSWERS = (
    """
    create function scoring.tell_stale_answers() returns trigger language plpgsql as $$
    begin
        if tg_table_name = 'account_reference' then
            insert into scoring.stale_answer (reference) select distinct reference from moved;
        else
            insert into scoring.stale_answer (account_id) select distinct account_id from moved;
        end if;
        if found then
            perform pg_notify('scoring.stale_answer', '');
        end if;
        return null;
    end $$
    """,
    *(
        f"create trigger stale_after_{event} after {event} on scoring.{table}"
        f" referencing {'old' if event == 'delete' else 'new'} table as moved"
        " for each statement execute function scoring.tell_stale_answers()"
        for table in ("health_document", "account_reference", "merged_account")
        for event in ("insert", "update", "delete")
    ),
)

# The feed is published: its reader may select it and nothing else of this schema.
GRANT = """
    do $$ begin
        if exists (select from pg_roles where rolname = 'milepost_playbooks') then
            grant usage on schema scoring to milepost_playbooks;
            grant select on scoring.change to milepost_playbooks;
        end if;
    end $$
    """


def upgrade() -> None:
    """Create every table, then open the published feed to its reader."""
    for statement in TABLES:
        op.execute(statement)
    op.execute(INSTANT_OF)
    op.execute(UNCOMPRESSED)
    for statement in STALE_ANSWERS:
        op.execute(statement)
    op.execute("insert into scoring.cursor (feed, position, next_at) values ('ingest.event', 0, '-infinity')")
    op.execute("insert into scoring.chore (name, next_at) select unnest(array['gather', 'forget']), clock_timestamp()")
    op.execute(GRANT)


def downgrade() -> None:
    """Drop what `upgrade` created."""
    op.execute("drop function scoring.instant_of(text)")
    for name in (
        "api_key",
        "unreadable",
        "chore",
        "cursor",
        "idempotency",
        "restatement",
        "feedback",
        "note",
        "override",
        "cohort",
        "activation",
        "model_version",
        "restated_point",
        "change",
        "stale_answer",
        "health_document",
        "standing",
        "snapshot",
        "rescoring",
        "record",
        "attribute",
        "merged_account",
        "account_reference",
        "account",
    ):
        op.execute(f"drop table scoring.{name}")
    op.execute("drop function scoring.tell_stale_answers()")
