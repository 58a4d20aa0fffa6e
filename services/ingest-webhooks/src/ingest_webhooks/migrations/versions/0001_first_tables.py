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
        faults JSONB DEFAULT '[]' NOT NULL,
        CONSTRAINT pk_delivery PRIMARY KEY (id),
        CONSTRAINT uq_delivery_key UNIQUE (key),
        CONSTRAINT ck_delivery_state CHECK (state in ('new', 'done', 'ignored', 'quarantined'))
    )
    """,
    """
    CREATE INDEX ix_delivery_next_at ON ingest.delivery (next_at) WHERE next_at is not null
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
        CONSTRAINT pk_event PRIMARY KEY (id),
        CONSTRAINT uq_event_event_id UNIQUE (event_id)
    )
    """,
    """
    CREATE TABLE ingest.event_key (
        key BYTEA NOT NULL,
        delivery_id UUID NOT NULL,
        first_seen timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_event_key PRIMARY KEY (key)
    )
    """,
    """
    CREATE TABLE ingest.reference (
        reference TEXT NOT NULL,
        account_id UUID,
        linked_at timestamptz NOT NULL,
        primary_link BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT pk_reference PRIMARY KEY (reference)
    )
    """,
    """
    CREATE INDEX ix_reference_account_id ON ingest.reference (account_id)
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
        CONSTRAINT pk_waiting_event PRIMARY KEY (event_id)
    )
    """,
    """
    CREATE INDEX ix_waiting_event_reference ON ingest.waiting_event (reference)
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

# The feed is published: its reader may select it and nothing else of this schema.
GRANT = """
    do $$ begin
        if exists (select from pg_roles where rolname = 'milepost_scoring') then
            grant usage on schema ingest to milepost_scoring;
            grant select on ingest.event to milepost_scoring;
        end if;
    end $$
    """


def upgrade() -> None:
    """Create every table, then open the published feed to its reader."""
    for statement in TABLES:
        op.execute(statement)
    op.execute(GRANT)


def downgrade() -> None:
    """Drop what `upgrade` created."""
    for name in (
        "connection_secret",
        "waiting_event",
        "reference",
        "event_key",
        "event",
        "delivery",
        "connection",
        "api_key",
        "account",
    ):
        op.execute(f"DROP TABLE ingest.{name}")
