"""The first tables of the schema `playbooks`: documents, runs, steps, effects, the ledger.

It never touches another schema.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE playbooks.playbook (
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        document JSONB NOT NULL,
        state TEXT NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        activated_at timestamptz,
        CONSTRAINT pk_playbook PRIMARY KEY (id, version),
        CONSTRAINT ck_playbook_state CHECK (state IN ('active', 'paused', 'retired'))
    )
    """,
    "CREATE UNIQUE INDEX uq_playbook_current ON playbooks.playbook (id) WHERE state <> 'retired'",
    """
    CREATE TABLE playbooks.run (
        id UUID NOT NULL,
        account_id UUID NOT NULL,
        playbook_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        change_id BIGINT NOT NULL,
        trigger_key BYTEA NOT NULL,
        state TEXT NOT NULL,
        because TEXT DEFAULT '' NOT NULL,
        correlation_id TEXT DEFAULT '' NOT NULL,
        started_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        ended_at timestamptz,
        end_code TEXT,
        end_reason TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_run PRIMARY KEY (id, account_id),
        CONSTRAINT ck_run_state CHECK (state IN ('running', 'done', 'cancelled')),
        CONSTRAINT uq_run_account_id_playbook_id_change_id UNIQUE (account_id, playbook_id, change_id),
        CONSTRAINT uq_run_account_id_trigger_key UNIQUE (account_id, trigger_key)
    )
    """,
    "CREATE INDEX ix_run_account_id_playbook_id_started_at ON playbooks.run (account_id, playbook_id, started_at)",
    "CREATE UNIQUE INDEX uq_run_open ON playbooks.run (account_id, playbook_id) WHERE state = 'running'",
    """
    CREATE TABLE playbooks.step (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        id UUID NOT NULL,
        account_id UUID NOT NULL,
        run_id UUID NOT NULL,
        path TEXT NOT NULL,
        iteration INTEGER DEFAULT 0 NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        attempts SMALLINT DEFAULT 0 NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_step PRIMARY KEY (id, account_id),
        CONSTRAINT ck_step_state CHECK (state IN (
            'due', 'performing', 'done', 'skipped', 'failed', 'cancelled'
        )),
        CONSTRAINT uq_step_account_id_run_id_path_iteration UNIQUE (account_id, run_id, path, iteration)
    )
    """,
    "CREATE INDEX ix_step_run_id ON playbooks.step (run_id)",
    "CREATE INDEX ix_step_waiting ON playbooks.step (next_at) WHERE next_at IS NOT NULL",
    """
    CREATE TABLE playbooks.effect (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        key BYTEA NOT NULL,
        account_id UUID NOT NULL,
        run_id UUID NOT NULL,
        step_id UUID NOT NULL,
        channel TEXT NOT NULL,
        recipient TEXT NOT NULL,
        payload BYTEA,
        state TEXT NOT NULL,
        attempts SMALLINT DEFAULT 0 NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        remote_id TEXT,
        correlation_id TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        done_at timestamptz,
        CONSTRAINT pk_effect PRIMARY KEY (key, account_id),
        CONSTRAINT ck_effect_state CHECK (state IN (
            'ready', 'started', 'in_doubt', 'done', 'failed_permanent', 'parked', 'cancelled', 'suppressed'
        )),
        CONSTRAINT ck_effect_key CHECK (octet_length(key) = 32)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX ix_effect_run_id ON playbooks.effect (run_id)",
    "CREATE INDEX ix_effect_unclear ON playbooks.effect (created_at) WHERE state IN ('in_doubt', 'parked')",
    "CREATE INDEX ix_effect_waiting ON playbooks.effect (next_at) WHERE next_at IS NOT NULL",
    """
    CREATE TABLE playbooks.attempt (
        effect_key BYTEA NOT NULL,
        fence BIGINT NOT NULL,
        account_id UUID NOT NULL,
        started_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        ended_at timestamptz,
        outcome TEXT,
        error TEXT DEFAULT '' NOT NULL,
        payload_hash BYTEA,
        CONSTRAINT pk_attempt PRIMARY KEY (effect_key, fence, account_id)
    )
    """,
    """
    CREATE TABLE playbooks.ledger (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        account_id UUID NOT NULL,
        playbook_id TEXT NOT NULL,
        change_id BIGINT,
        run_id UUID,
        effect_key BYTEA,
        at timestamptz DEFAULT clock_timestamp() NOT NULL,
        outcome TEXT NOT NULL,
        code TEXT NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        correlation_id TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_ledger PRIMARY KEY (id, account_id),
        CONSTRAINT ck_ledger_outcome CHECK (outcome IN (
            'sent', 'deferred', 'capped', 'suppressed', 'skipped', 'in_doubt', 'parked', 'failed', 'cancelled'
        ))
    )
    """,
    "CREATE INDEX ix_ledger_account_id_id ON playbooks.ledger (account_id, id)",
    """
    CREATE TABLE playbooks.control (
        id SMALLINT NOT NULL,
        paused BOOLEAN DEFAULT false NOT NULL,
        changed_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        changed_by TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_control PRIMARY KEY (id),
        CONSTRAINT ck_control_one_row CHECK (id = 1)
    )
    """,
    """
    CREATE TABLE playbooks.cursor (
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
    CREATE TABLE playbooks.api_key (
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

# The switch is a row from the beginning, so that every transaction can read it.
FIRST_ROWS = "insert into playbooks.control (id) values (1)"


def upgrade() -> None:
    """Create every table of the schema and the switch."""
    for statement in TABLES:
        op.execute(statement)
    op.execute(FIRST_ROWS)


def downgrade() -> None:
    """Drop every table of the schema."""
    for name in ("ledger", "attempt", "effect", "step", "run", "playbook", "control", "cursor", "api_key"):
        op.execute(f"drop table playbooks.{name}")
