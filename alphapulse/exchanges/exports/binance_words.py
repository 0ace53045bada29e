"""The words of Binance's statement ("Transaction History"): what moved money, and what is told elsewhere."""

from collections.abc import Mapping, Sequence

from alphapulse.exchanges.exports.shapes import Leave
from alphapulse.types import LedgerKind

TOLD_AS_TRADES = Leave("trades: the trade history of spot or futures tells them, with their fees")
TOLD_AS_TRANSFERS = Leave("deposits and withdrawals: the deposit and withdraw history tell them, of fiat their own")
TOLD_AS_FUNDING = Leave("funding payments: the futures' transaction history tells of which contract they are")
FOLLOWS_FROM_TRADES = Leave("profits, losses and fees of futures: they follow from the trades")
MOVED = Leave("moves between wallets of the account")
TOLD_TWICE = Leave("rewards of the Earn wallet: told once more, with the wallet that they are paid to")

OPERATIONS: Mapping[LedgerKind, Sequence[str]] = {
    LedgerKind.CONVERT: (
        "Binance Convert",
        "Large OTC trading",
        "The Easiest Way to Trade",
        "Stablecoins Auto-Conversion",
        "Leverage Token Redemption",
        "ETH 2.0 Staking",
        "SOL Staking - Purchase",
        "Swap Farming Transaction",
        "Liquid Swap Sell",
        "Asset Conversion Transfer",
        "Futures Convert",
    ),
    LedgerKind.DUST: ("Small Assets Exchange BNB",),
    LedgerKind.REWARD: (
        "Simple Earn Locked Rewards",
        "Staking Rewards",
        "ETH 2.0 Staking Rewards",
        "BNSOL Staking - Extra Rewards",
        "POS savings interest",
        "Liquid Swap rewards",
        "DOT Slot Auction Rewards",
        "Launchpool Earnings Withdrawal",
        "Launchpool Interest",
        "BNB Vault Rewards",
        "Swap Farming Rewards",
        "Super BNB Mining",
        "Pool Distribution",
        "Mission Reward Distribution",
        "Megadrop Rewards",
        "Campaign Related Reward",
        "Cash Voucher Distribution",
        "Crypto Box",
    ),
    LedgerKind.AIRDROP: (
        "Airdrop Assets",
        "Distribution",
        "Asset - Transfer",
        "Launchpool Airdrop",
        "Launchpool Airdrop - System Distribution",
        "HODLer Airdrops Distribution",
        "Simple Earn Flexible Airdrop",
        "Token Swap - Distribution",
        "Token Swap - Redenomination/Rebranding",
    ),
    LedgerKind.INTEREST: (
        "Simple Earn Flexible Interest",
        "Savings Interest",
        "Savings Distribution",
        "Interest",
    ),
    LedgerKind.REBATE: (
        "Commission History",
        "Commission Rebate",
        "Commission Fee Shared With You",
        "Referrer rebates",
        "Referee rebates",
        "Referral Kickback",
        "Referral Commission",
        "Strategy Trading Fee Rebate",
        "Cashback Voucher",
        "Card Cashback",
        "Binance Card Cashback",
    ),
    LedgerKind.FIAT: (
        "Fiat OCBS - Add Fiat and Fees",
        "Buy Crypto",
        "Buy Crypto With Card",
        "Buy Crypto With Fiat",
        "Sell Crypto To Fiat",
        "P2P Trading",
    ),
    LedgerKind.FEE: ("BNB Fee Deduction", "Insurance Fund Compensation", "Insurance Fund Refund"),
    # Known, and nothing of the above: what is borrowed and given back, spent, sent or exchanged for a new coin.
    LedgerKind.OTHER: (
        "Margin Loan",
        "Margin Repayment",
        "Isolated Margin Loan",
        "Isolated Margin Repayment",
        "Cross Margin Liquidation - Repayment",
        "Asset Recovery",
        "Leveraged Coin Consolidation",
        "Binance Card Spending",
        "Merchant Acquiring",
        "Send",
    ),
}

ELSEWHERE: Mapping[Leave, Sequence[str]] = {
    TOLD_AS_TRADES: (
        "Buy",
        "Sell",
        "Fee",
        "Transaction Related",
        "Transaction Buy",
        "Transaction Spend",
        "Transaction Sold",
        "Transaction Revenue",
        "Transaction Fee",
    ),
    TOLD_AS_TRANSFERS: ("Deposit", "Withdraw", "Fiat Deposit", "Fiat Withdraw", "Fiat Withdrawal"),
    TOLD_AS_FUNDING: ("Funding Fee",),
    FOLLOWS_FROM_TRADES: ("Realized Profit and Loss", "Realize profit and loss"),
    TOLD_TWICE: ("Simple Earn Flexible - Rewards Income", "Simple Earn Locked - Rewards Income"),
    MOVED: (
        "transfer_in",
        "transfer_out",
        "Transfer Between Spot Account and UM Futures Account",
        "Transfer Between Spot Account and CM Futures Account",
        "Transfer Between Main Account/Futures and Margin Account",
        "Transfer Between Main and Funding Wallet",
        "Savings purchase",
        "Savings Principal redemption",
        "POS savings purchase",
        "POS savings redemption",
        "Staking Purchase",
        "Staking Redemption",
        "Simple Earn Flexible Subscription",
        "Simple Earn Flexible Redemption",
        "Simple Earn Locked Subscription",
        "Simple Earn Locked Redemption",
        "Launchpool Subscription/Redemption",
        "Launchpad Subscribe",
        "Liquid Swap Add",
        "Liquid Swap Remove",
        "Liquid Swap Add/Sell",
        "Liquidity Farming Remove",
    ),
}
