"""The first tables of the schema `playbooks`: documents, runs, steps, effects, the ledger, people and their work.

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
        text TEXT DEFAULT '' NOT NULL,
        author TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        activated_at timestamptz,
        CONSTRAINT pk_playbook PRIMARY KEY (id, version),
        CONSTRAINT ck_playbook_state CHECK (state IN ('draft', 'active', 'paused', 'retired'))
    )
    """,
    "CREATE UNIQUE INDEX uq_playbook_current ON playbooks.playbook (id) WHERE state IN ('active', 'paused')",
    """
    CREATE TABLE playbooks.armed (
        account_id UUID NOT NULL,
        playbook_id TEXT NOT NULL,
        armed BOOLEAN DEFAULT true NOT NULL,
        episode INTEGER DEFAULT 0 NOT NULL,
        held_since timestamptz,
        changed_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_armed PRIMARY KEY (account_id, playbook_id)
    )
    """,
    "CREATE INDEX ix_armed_playbook_id_account_id ON playbooks.armed (playbook_id, account_id)",
    "CREATE INDEX ix_armed_held ON playbooks.armed (playbook_id, held_since) WHERE held_since IS NOT NULL",
    """
    CREATE TABLE playbooks.watch (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        playbook_id TEXT NOT NULL,
        trigger_digest BYTEA NOT NULL,
        position BIGINT DEFAULT 0 NOT NULL,
        stage TEXT DEFAULT '' NOT NULL,
        after UUID,
        settled BOOLEAN DEFAULT false NOT NULL,
        swept_at timestamptz,
        begun_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        fault TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_watch PRIMARY KEY (playbook_id)
    )
    """,
    "CREATE INDEX ix_watchwaiting ON playbooks.watch (next_at, playbook_id) WHERE next_at IS NOT NULL",
    """
    CREATE TABLE playbooks.assignment (
        account_id UUID NOT NULL,
        playbook_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        arm TEXT NOT NULL,
        bucket DOUBLE PRECISION NOT NULL,
        stratum TEXT DEFAULT '' NOT NULL,
        excluded BOOLEAN DEFAULT false NOT NULL,
        assigned_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_assignment PRIMARY KEY (account_id, playbook_id)
    )
    """,
    """
    CREATE TABLE playbooks.policy (
        version INTEGER NOT NULL,
        document JSONB NOT NULL,
        author TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_policy PRIMARY KEY (version)
    )
    """,
    """
    CREATE TABLE playbooks.holiday (
        region TEXT NOT NULL,
        day DATE NOT NULL,
        name TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_holiday PRIMARY KEY (region, day)
    )
    """,
    """
    CREATE TABLE playbooks.run (
        id UUID NOT NULL,
        account_id UUID NOT NULL,
        playbook_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        change_id BIGINT,
        trigger_kind TEXT NOT NULL,
        trigger_key BYTEA NOT NULL,
        state TEXT NOT NULL,
        because TEXT DEFAULT '' NOT NULL,
        correlation_id TEXT DEFAULT '' NOT NULL,
        tier TEXT,
        arm TEXT,
        value_class TEXT,
        stage TEXT,
        band TEXT,
        started_by TEXT DEFAULT '' NOT NULL,
        started_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        ended_at timestamptz,
        end_code TEXT,
        end_reason TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_run PRIMARY KEY (id, account_id),
        CONSTRAINT ck_run_state CHECK (state IN ('running', 'done', 'cancelled')),
        CONSTRAINT ck_run_trigger_kind
            CHECK (trigger_kind IN ('band_changed', 'watch', 'milestone', 'event', 'date', 'by_hand')),
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
        outcome TEXT,
        wakes_on TEXT[],
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_step PRIMARY KEY (id, account_id),
        CONSTRAINT ck_step_state
            CHECK (state IN ('due', 'waiting', 'performing', 'done', 'skipped', 'failed', 'cancelled')),
        CONSTRAINT uq_step_run_id_path_iteration_account_id UNIQUE (run_id, path, iteration, account_id)
    )
    WITH (fillfactor = 70)
    """,
    "CREATE INDEX ix_step_wakes ON playbooks.step (account_id) WHERE wakes_on IS NOT NULL",
    "CREATE INDEX ix_stepwaiting ON playbooks.step (next_at, id) WHERE next_at IS NOT NULL",
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
        destination TEXT DEFAULT '' NOT NULL,
        recipient TEXT NOT NULL,
        priority SMALLINT DEFAULT 50 NOT NULL,
        transactional BOOLEAN DEFAULT false NOT NULL,
        payload BYTEA,
        state TEXT NOT NULL,
        attempts SMALLINT DEFAULT 0 NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        remote_id TEXT,
        correlation_id TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        asked_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        done_at timestamptz,
        CONSTRAINT pk_effect PRIMARY KEY (key, account_id),
        CONSTRAINT ck_effect_state
            CHECK (state IN ('ready', 'started', 'in_doubt', 'done', 'failed_permanent', 'parked', 'cancelled',
            'suppressed')),
        CONSTRAINT ck_effect_key CHECK (octet_length(key) = 32)
    )
     WITH (fillfactor = 70)
    """,
    "CREATE INDEX ix_effect_run_id ON playbooks.effect (run_id)",
    "CREATE INDEX ix_effect_ready ON playbooks.effect (account_id) WHERE state = 'ready'",
    "CREATE INDEX ix_effect_unclear ON playbooks.effect (created_at) WHERE state IN ('in_doubt', 'parked')",
    "CREATE INDEX ix_effect_dead ON playbooks.effect (created_at) WHERE state IN ('failed_permanent', 'parked')",
    "CREATE INDEX ix_effectwaiting ON playbooks.effect (next_at, key) WHERE next_at IS NOT NULL",
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
    CREATE TABLE playbooks.touch (
        account_id UUID NOT NULL,
        effect_key BYTEA NOT NULL,
        person BYTEA NOT NULL,
        channel TEXT NOT NULL,
        transactional BOOLEAN DEFAULT false NOT NULL,
        colleague BOOLEAN DEFAULT false NOT NULL,
        at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_touch PRIMARY KEY (account_id, effect_key)
    )
    """,
    "CREATE INDEX ix_touch_account_id_at ON playbooks.touch (account_id, at)",
    "CREATE INDEX ix_touch_person_at ON playbooks.touch (person, at)",
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
        CONSTRAINT ck_ledger_outcome
            CHECK (outcome IN ('sent', 'deferred', 'capped', 'suppressed', 'skipped', 'in_doubt', 'parked',
            'failed', 'cancelled'))
    )
    """,
    "CREATE INDEX ix_ledger_account_id_id ON playbooks.ledger (account_id, id)",
    """
    CREATE TABLE playbooks.person (
        id TEXT NOT NULL,
        name TEXT DEFAULT '' NOT NULL,
        email TEXT DEFAULT '' NOT NULL,
        zone TEXT DEFAULT 'UTC' NOT NULL,
        region TEXT DEFAULT '' NOT NULL,
        roles TEXT[] DEFAULT '{}' NOT NULL,
        opens TIME WITHOUT TIME ZONE,
        closes TIME WITHOUT TIME ZONE,
        minutes_a_day INTEGER DEFAULT 240 NOT NULL,
        active BOOLEAN DEFAULT true NOT NULL,
        CONSTRAINT pk_person PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE playbooks.absence (
        id UUID NOT NULL,
        person_id TEXT NOT NULL,
        since DATE NOT NULL,
        until DATE NOT NULL,
        delegate_id TEXT,
        CONSTRAINT pk_absence PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_absence_person_id_since ON playbooks.absence (person_id, since)",
    """
    CREATE TABLE playbooks.suppression (
        id UUID NOT NULL,
        account_id UUID,
        person BYTEA,
        kind TEXT NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        author TEXT DEFAULT '' NOT NULL,
        since timestamptz DEFAULT clock_timestamp() NOT NULL,
        until timestamptz,
        ended_at timestamptz,
        evidence TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_suppression PRIMARY KEY (id),
        CONSTRAINT ck_suppression_kind
            CHECK (kind IN ('opt_out', 'legal_hold', 'hands_off', 'bounced', 'complained')),
        CONSTRAINT ck_suppression_of_somebody CHECK (person IS NOT NULL OR account_id IS NOT NULL)
    )
    """,
    "CREATE INDEX ix_suppression_account_id ON playbooks.suppression (account_id) WHERE account_id IS NOT NULL",
    "CREATE INDEX ix_suppression_person ON playbooks.suppression (person) WHERE person IS NOT NULL",
    "CREATE UNIQUE INDEX uq_suppression_returned ON playbooks.suppression (person, kind)"
    " WHERE evidence <> '' AND ended_at IS NULL",
    """
    CREATE TABLE playbooks.merged_account (
        account_id UUID NOT NULL,
        survivor_id UUID NOT NULL,
        merged_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_merged_account PRIMARY KEY (account_id)
    )
    """,
    "CREATE INDEX ix_merged_account_survivor_id ON playbooks.merged_account (survivor_id)",
    """
    CREATE TABLE playbooks.matter (
        account_id UUID NOT NULL,
        kind TEXT NOT NULL,
        item TEXT NOT NULL,
        opened_at timestamptz,
        closed_at timestamptz,
        starts_at timestamptz,
        CONSTRAINT pk_matter PRIMARY KEY (account_id, kind, item),
        CONSTRAINT ck_matter_kind CHECK (kind IN ('escalation', 'call'))
    )
    """,
    """
    CREATE TABLE playbooks.task (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        id UUID NOT NULL,
        account_id UUID NOT NULL,
        run_id UUID,
        step_id UUID,
        playbook_id TEXT,
        reason TEXT NOT NULL,
        title TEXT NOT NULL,
        script TEXT DEFAULT '' NOT NULL,
        owner TEXT NOT NULL,
        role TEXT DEFAULT '' NOT NULL,
        state TEXT NOT NULL,
        risk DOUBLE PRECISION DEFAULT 0 NOT NULL,
        value DOUBLE PRECISION DEFAULT 0 NOT NULL,
        effort_minutes DOUBLE PRECISION DEFAULT 30 NOT NULL,
        accept_hours DOUBLE PRECISION,
        accept_by timestamptz,
        due_at timestamptz,
        accept_warn_at timestamptz,
        finish_warn_at timestamptz,
        warned_at timestamptz,
        breached_at timestamptz,
        escalate_to TEXT,
        snoozed_until timestamptz,
        awaiting_since timestamptz,
        awaiting TEXT DEFAULT '' NOT NULL,
        our_hours DOUBLE PRECISION DEFAULT 0 NOT NULL,
        their_hours DOUBLE PRECISION DEFAULT 0 NOT NULL,
        charged_until timestamptz DEFAULT clock_timestamp() NOT NULL,
        outcome TEXT,
        outcome_note TEXT DEFAULT '' NOT NULL,
        minutes_spent DOUBLE PRECISION,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        claimed_at timestamptz,
        ended_at timestamptz,
        ended_by TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_task PRIMARY KEY (id, account_id),
        CONSTRAINT ck_task_state CHECK (state IN ('open', 'claimed', 'snoozed', 'done', 'skipped', 'closed'))
    )
    """,
    "CREATE INDEX ix_task_awaiting ON playbooks.task (account_id) WHERE awaiting_since IS NOT NULL",
    "CREATE INDEX ix_task_owner_state ON playbooks.task (owner, state)",
    "CREATE INDEX ix_task_outcome ON playbooks.task (playbook_id, outcome) WHERE outcome IS NOT NULL",
    "CREATE INDEX ix_taskwaiting ON playbooks.task (next_at, id) WHERE next_at IS NOT NULL",
    """
    CREATE UNIQUE INDEX uq_task_open ON playbooks.task (account_id, reason) WHERE state IN ('open', 'claimed',
    'snoozed')
    """,
    """
    CREATE TABLE playbooks.task_word (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        account_id UUID NOT NULL,
        task_id UUID NOT NULL,
        kind TEXT NOT NULL,
        author TEXT DEFAULT '' NOT NULL,
        text TEXT DEFAULT '' NOT NULL,
        detail JSONB DEFAULT '{}' NOT NULL,
        at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_task_word PRIMARY KEY (id, account_id)
    )
    """,
    "CREATE INDEX ix_task_word_task_id_id ON playbooks.task_word (task_id, id)",
    """
    CREATE TABLE playbooks.approval (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        id UUID NOT NULL,
        account_id UUID NOT NULL,
        run_id UUID NOT NULL,
        step_id UUID NOT NULL,
        about TEXT NOT NULL,
        owner TEXT NOT NULL,
        state TEXT NOT NULL,
        otherwise TEXT NOT NULL,
        draft JSONB DEFAULT '{}' NOT NULL,
        recipient TEXT DEFAULT '' NOT NULL,
        expires_at timestamptz NOT NULL,
        edited JSONB,
        reason TEXT DEFAULT '' NOT NULL,
        ended_by TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_approval PRIMARY KEY (id, account_id),
        CONSTRAINT ck_approval_state CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'cancelled'))
    )
    """,
    "CREATE INDEX ix_approvalwaiting ON playbooks.approval (next_at, id) WHERE next_at IS NOT NULL",
    """
    CREATE TABLE playbooks.in_app_message (
        effect_key BYTEA NOT NULL,
        account_id UUID NOT NULL,
        title TEXT NOT NULL,
        text TEXT NOT NULL,
        link TEXT DEFAULT '' NOT NULL,
        role TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        expires_at timestamptz NOT NULL,
        seen_at timestamptz,
        dismissed_at timestamptz,
        CONSTRAINT pk_in_app_message PRIMARY KEY (effect_key, account_id)
    )
    """,
    "CREATE INDEX ix_in_app_message_account_id_expires_at ON playbooks.in_app_message (account_id, expires_at)",
    """
    CREATE TABLE playbooks.outlet (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        settings JSONB DEFAULT '{}' NOT NULL,
        sealed BYTEA,
        rate_per_s DOUBLE PRECISION,
        active BOOLEAN DEFAULT true NOT NULL,
        writes_health BOOLEAN DEFAULT false NOT NULL,
        off_because TEXT DEFAULT '' NOT NULL,
        renewing_by UUID,
        renewing_until timestamptz,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        changed_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_outlet PRIMARY KEY (id),
        CONSTRAINT ck_outlet_kind CHECK (kind IN ('hubspot', 'salesforce', 'slack', 'webhook')),
        CONSTRAINT uq_outlet_name UNIQUE (name)
    )
    """,
    """
    CREATE TABLE playbooks.destination (
        name TEXT NOT NULL,
        probe_at timestamptz,
        since timestamptz DEFAULT clock_timestamp() NOT NULL,
        good INTEGER DEFAULT 0 NOT NULL,
        bad INTEGER DEFAULT 0 NOT NULL,
        was_good INTEGER DEFAULT 0 NOT NULL,
        was_bad INTEGER DEFAULT 0 NOT NULL,
        free_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        booked_to timestamptz DEFAULT clock_timestamp() NOT NULL,
        resting_until timestamptz,
        call_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_destination PRIMARY KEY (name)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE playbooks.writeback (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        id UUID NOT NULL,
        account_id UUID NOT NULL,
        outlet_id UUID NOT NULL,
        change_id BIGINT DEFAULT 0 NOT NULL,
        record_id TEXT DEFAULT '' NOT NULL,
        digest BYTEA,
        wrote_at timestamptz,
        attempts SMALLINT DEFAULT 0 NOT NULL,
        error TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_writeback PRIMARY KEY (id, account_id),
        CONSTRAINT uq_writeback_account_id_outlet_id UNIQUE (account_id, outlet_id)
    )
    """,
    "CREATE INDEX ix_writebackwaiting ON playbooks.writeback (next_at, id) WHERE next_at IS NOT NULL",
    """
    CREATE INDEX ix_writeback_outlet_id_record_id_account_id ON playbooks.writeback (outlet_id, record_id, account_id)
    """,
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
    CREATE TABLE playbooks.wake_cursor (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        feed TEXT NOT NULL,
        position BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_wake_cursor PRIMARY KEY (feed)
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
    """
    CREATE TABLE playbooks.told (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        id UUID NOT NULL,
        account_id UUID NOT NULL,
        event JSONB NOT NULL,
        attempts SMALLINT DEFAULT 0 NOT NULL,
        error TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        told_at timestamptz,
        CONSTRAINT pk_told PRIMARY KEY (id, account_id)
    )
    """,
    "CREATE INDEX ix_toldwaiting ON playbooks.told (next_at, id) WHERE next_at IS NOT NULL",
    """
    CREATE TABLE playbooks.chore (
        next_at timestamptz,
        lease_until timestamptz,
        fence BIGINT DEFAULT 0 NOT NULL,
        crashes SMALLINT DEFAULT 0 NOT NULL,
        name TEXT NOT NULL,
        CONSTRAINT pk_chore PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE playbooks.idempotency (
        key BYTEA NOT NULL,
        content BYTEA NOT NULL,
        answer BYTEA,
        subject TEXT,
        created_at timestamptz DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_idempotency PRIMARY KEY (key)
    )
    """,
)

NAMES = (
    "playbook",
    "armed",
    "watch",
    "assignment",
    "policy",
    "holiday",
    "run",
    "step",
    "effect",
    "attempt",
    "touch",
    "ledger",
    "person",
    "absence",
    "suppression",
    "matter",
    "merged_account",
    "task",
    "task_word",
    "approval",
    "in_app_message",
    "outlet",
    "destination",
    "writeback",
    "control",
    "cursor",
    "wake_cursor",
    "api_key",
    "told",
    "chore",
    "idempotency",
)

# The switch is a row from the beginning, so that every transaction can read it.
FIRST_ROWS = (
    "insert into playbooks.control (id) values (1)",
    "insert into playbooks.chore (name, next_at) values ('forget', clock_timestamp())",
)


def upgrade() -> None:
    """Create every table of the schema, the switch and the chores."""
    for statement in TABLES:
        op.execute(statement)
    for statement in FIRST_ROWS:
        op.execute(statement)


def downgrade() -> None:
    """Drop every table of the schema."""
    for name in reversed(NAMES):
        op.execute(f"drop table playbooks.{name}")
