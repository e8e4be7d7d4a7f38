import { Command } from 'commander'
export const devCommand = (): Command => new Command('dev')
