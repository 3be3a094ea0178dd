"""How long posts take to be seen; rules that rows broke; indices for reading by key"""

import sqlalchemy as sa
from alembic import op

import store.tables.columns

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('market_delays',
    sa.Column('minute_at', store.tables.columns.Instant(timezone=True), nullable=False, comment='begin of the minute in which events reached the stage'),
    sa.Column('stage', sa.Text(), nullable=False, comment='taken, computed or visible'),
    sa.Column('events', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False, comment='how many reached it'),
    sa.Column('delay_p50_ms', sa.Double(), nullable=False, comment='delay since they were received, median'),
    sa.Column('delay_p95_ms', sa.Double(), nullable=False, comment='95th percentile'),
    sa.Column('delay_p99_ms', sa.Double(), nullable=False, comment='99th percentile'),
    sa.Column('delay_max_ms', sa.Double(), nullable=False, comment='largest'),
    sa.Column('counts', sa.Text(), nullable=False, comment='JSON object: delay in whole milliseconds -> events; what the percentiles are made of'),
    sa.PrimaryKeyConstraint('minute_at', 'stage', name=op.f('pk_market_delays')),
    comment='How long posts take to be seen. Grain: minute and stage. Writer: publish. Nuance: taken = a cycle read it from the lake; computed = all figures it moves are; visible = its publication is committed. Percentiles are by nearest rank, from every event. History: a replay carries it over.'
    )
    op.create_index('ix_core_listing_images_pending', 'core_listing_images', ['listing_id'], sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
    op.create_table('market_check_failures',
    sa.Column('failed_date', store.tables.columns.Day(), nullable=False, comment='day of the failures, UTC'),
    sa.Column('dataset', sa.Text(), nullable=False, comment='table whose contract has the rule'),
    sa.Column('rule', sa.Text(), nullable=False, comment='rule that rows broke'),
    sa.Column('severity', sa.Text(), nullable=False, comment='severe: stopped the publication; mild: told only'),
    sa.Column('cycles', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False, comment='cycles that met it'),
    sa.Column('bad_rows', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False, comment='rows that broke it in the last of them'),
    sa.Column('bad_key', sa.Text(), nullable=True, comment='JSON object: key of the first of these rows'),
    sa.Column('watermark', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False, comment='last offset of that cycle'),
    sa.Column('run_id', sa.Text(), nullable=False, comment='flow run or process of that cycle'),
    sa.Column('first_failed_at', store.tables.columns.Instant(timezone=True), nullable=False, comment='first of them'),
    sa.Column('last_failed_at', store.tables.columns.Instant(timezone=True), nullable=False, comment='last of them'),
    sa.PrimaryKeyConstraint('failed_date', 'dataset', 'rule', name=op.f('pk_market_check_failures')),
    comment='Rules of contracts that rows broke. Grain: day, table and rule. Writer: publish. Nuance: rows that a severe rule kept from being published are in no other market table. History: a replay carries it over.'
    )
    op.create_index(op.f('ix_core_listing_images_url'), 'core_listing_images', ['url'])
    op.create_index(op.f('ix_core_listings_agent_identifier'), 'core_listings', ['agent_identifier'])


def downgrade() -> None:
    op.drop_index(op.f('ix_core_listings_agent_identifier'), table_name='core_listings')
    op.drop_index(op.f('ix_core_listing_images_url'), table_name='core_listing_images')
    op.drop_table('market_check_failures')
    op.drop_index('ix_core_listing_images_pending', table_name='core_listing_images')
    op.drop_table('market_delays')
