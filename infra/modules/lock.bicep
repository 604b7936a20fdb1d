// Nobody deletes the guard by mistake. Relink itself removes no lock.
resource lock 'Microsoft.Authorization/locks@2020-05-01' = {
  name: 'relink'
  properties: {
    level: 'CanNotDelete'
    notes: 'Relink watches private inference environments. Remove this lock before removing Relink.'
  }
}
